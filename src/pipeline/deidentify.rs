//! temporary
use crate::catalog::NewInstance;
use crate::config::Deid;
/// x
pub struct Deidentify {}
/// x
pub struct Made {
    /// x
    pub bytes: Vec<u8>,
    /// x
    pub instance: NewInstance,
}
/// x
pub enum Verdict {
    /// x
    Stored(Box<Made>),
    /// x
    Quarantined {
        /// x
        reason: String,
        /// x
        detail: String,
    },
    /// x
    Rejected {
        /// x
        reason: String,
        /// x
        detail: String,
    },
}
/// x
pub struct Attribute {
    /// x
    pub tag: String,
    /// x
    pub keyword: String,
    /// x
    pub vr: String,
    /// x
    pub value: String,
    /// x
    pub action: String,
    /// x
    pub harmless: bool,
}
/// x
pub fn explain_reason(code: &str) -> &str {
    code
}
impl Deidentify {
    /// x
    pub fn new(_c: &Deid, _s: [u8; 32]) -> Result<Self, String> {
        Ok(Self {})
    }
    /// x
    pub fn explain(&self, _b: &[u8]) -> Vec<Attribute> {
        vec![]
    }
    /// x
    pub fn judge(&self, b: &[u8], site: &str, _t: bool) -> Verdict {
        use crate::model::tags::*;
        match crate::dicom::read(b, crate::dicom::ReadOptions::default()) {
            Ok(f) => {
                let s = |t| f.dataset.ascii(t).unwrap_or("").to_string();
                if f.is_directory() {
                    return Verdict::Rejected { reason: "dicomdir".into(), detail: String::new() };
                }
                let syntax = if f.syntax.is_native() {
                    crate::dicom::Syntax::EXPLICIT_LE.to_string()
                } else {
                    f.syntax.uid.clone()
                };
                Verdict::Stored(Box::new(Made {
                    bytes: crate::dicom::write(&f.dataset, &syntax),
                    instance: NewInstance {
                        sop_uid: s(SOP_INSTANCE_UID),
                        source_hash: String::new(),
                        blob: String::new(),
                        bytes: 0,
                        series_uid: s(SERIES_INSTANCE_UID),
                        study_uid: s(STUDY_INSTANCE_UID),
                        subject: s(PATIENT_ID),
                        site: site.into(),
                        sop_class: s(SOP_CLASS_UID),
                        modality: s(MODALITY),
                        syntax,
                        record: "{}".into(),
                    },
                }))
            }
            Err(e) => Verdict::Rejected { reason: e.code().into(), detail: e.to_string() },
        }
    }
}
