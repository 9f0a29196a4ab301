//! What is agreed when an association begins (PS3.8 clause 7.1, PS3.7 annex D). Pure.

use std::collections::BTreeMap;

use dicom_core::dictionary::UidDictionary;
use dicom_dictionary_std::StandardSopClassDictionary;
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use dicom_ul::pdu::{
    AssociationAC, AssociationRJ, AssociationRJResult, AssociationRJServiceUserReason, AssociationRJSource,
    AssociationRQ, PresentationContextProposed, PresentationContextResult, PresentationContextResultReason,
    RequestorRoles, UserVariableItem,
};

use crate::dicom::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, Syntax};

/// C-ECHO.
pub const VERIFICATION: &str = "1.2.840.10008.1.1";
/// Storage Commitment Push Model.
pub const COMMITMENT: &str = "1.2.840.10008.1.20.1";
/// The application context of DICOM.
pub const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";

/// Classes of classes (PS3.6 table A-1): of printing and of worklists.
const META_CLASSES: [&str; 6] = [
    "1.2.840.10008.5.1.1.9",
    "1.2.840.10008.5.1.1.9.1",
    "1.2.840.10008.5.1.1.18",
    "1.2.840.10008.5.1.1.18.1",
    "1.2.840.10008.5.1.1.32",
    "1.2.840.10008.5.1.4.32",
];

/// What a context is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// C-ECHO.
    Verification,
    /// N-ACTION and N-EVENT-REPORT.
    Commitment,
    /// C-STORE.
    Storage,
}

/// A context that was agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// What it is for.
    pub service: Service,
    /// The transfer syntax.
    pub syntax: String,
}

/// What was agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// Who calls.
    pub caller: String,
    /// Whom they call.
    pub called: String,
    /// Contexts by number.
    pub contexts: BTreeMap<u8, Context>,
    /// The longest PDU that the caller takes; 0 for any.
    pub most: u32,
    /// What the caller is told.
    pub answer: AssociationAC,
}

/// Whether an AE title is one of those that may call: `*` and `?` stand for anything, case counts, blanks around it do not.
///
/// ```
/// use gantry::net::caller_fits;
///
/// assert!(caller_fits("CT*", "CT07 "));
/// assert!(!caller_fits("CT*", "XCT"));
/// ```
pub fn caller_fits(pattern: &str, title: &str) -> bool {
    let (pattern, title): (Vec<char>, Vec<char>) =
        (pattern.trim().chars().collect(), title.trim().chars().collect());
    // The last star, and where in the title what follows it was tried.
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < title.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == title[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, tried)) => {
                    star = Some((at, tried + 1));
                    (p, t) = (at + 1, tried + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// An AE title as it may be shown: printable ASCII alone.
pub fn shown(title: &str) -> String {
    title.trim().chars().take(16).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

/// Agrees with a request, or says why not. Without `callers` anybody with a name may call.
///
/// # Errors
/// The caller may not call, or speaks of another application.
pub fn agree(
    request: &AssociationRQ,
    callers: Option<&[String]>,
    max_pdu: u32,
) -> Result<Agreed, AssociationRJ> {
    let caller = shown(&request.calling_ae_title);
    let may = !caller.trim().is_empty()
        && callers.is_none_or(|c| c.iter().any(|p| caller_fits(p, &request.calling_ae_title)));
    if !may {
        return Err(rejected(AssociationRJServiceUserReason::CallingAETitleNotRecognized));
    }
    let trimmed = |uid: &str| uid.trim_end_matches(['\0', ' ']).to_owned();
    if trimmed(&request.application_context_name) != APPLICATION_CONTEXT {
        return Err(rejected(AssociationRJServiceUserReason::ApplicationContextNameNotSupported));
    }
    let mut contexts = BTreeMap::new();
    let results =
        request.presentation_contexts.iter().map(|proposed| result(proposed, &mut contexts)).collect();
    let mut most = 0;
    let mut variables = vec![
        UserVariableItem::MaxLength(max_pdu),
        UserVariableItem::ImplementationClassUID(IMPLEMENTATION_CLASS_UID.into()),
        UserVariableItem::ImplementationVersionName(IMPLEMENTATION_VERSION_NAME.into()),
    ];
    for item in &request.user_variables {
        match item {
            UserVariableItem::MaxLength(length) => most = *length,
            // We are whom objects are sent to, of every class.
            UserVariableItem::ScuScpRoleSelectionSubItem(uid, roles) => {
                let roles = RequestorRoles { scu: roles.scu, scp: false };
                variables.push(UserVariableItem::ScuScpRoleSelectionSubItem(uid.clone(), roles));
            }
            _ => {}
        }
    }
    let called = shown(&request.called_ae_title);
    let answer = AssociationAC {
        protocol_version: 1,
        calling_ae_title: caller.clone(),
        called_ae_title: called.clone(),
        application_context_name: APPLICATION_CONTEXT.into(),
        presentation_contexts: results,
        user_variables: variables,
    };
    Ok(Agreed { caller, called, contexts, most, answer })
}

fn rejected(reason: AssociationRJServiceUserReason) -> AssociationRJ {
    AssociationRJ { result: AssociationRJResult::Permanent, source: AssociationRJSource::ServiceUser(reason) }
}

fn result(
    proposed: &PresentationContextProposed,
    contexts: &mut BTreeMap<u8, Context>,
) -> PresentationContextResult {
    let abstract_syntax = proposed.abstract_syntax.trim_end_matches(['\0', ' ']);
    let offered: Vec<&str> =
        proposed.transfer_syntaxes.iter().map(|s| s.trim_end_matches(['\0', ' '])).collect();
    // Of a context that is not accepted the syntax does not count, and has to be one.
    let refused = |reason| PresentationContextResult {
        id: proposed.id,
        reason,
        transfer_syntax: Syntax::IMPLICIT_LE.into(),
    };
    let Some(service) = service_of(abstract_syntax) else {
        return refused(PresentationContextResultReason::AbstractSyntaxNotSupported);
    };
    let chosen = match service {
        Service::Storage => best(&offered),
        _ => [Syntax::EXPLICIT_LE, Syntax::IMPLICIT_LE].into_iter().find(|s| offered.contains(s)),
    };
    let Some(syntax) = chosen else {
        return refused(PresentationContextResultReason::TransferSyntaxesNotSupported);
    };
    contexts.insert(proposed.id, Context { service, syntax: syntax.into() });
    PresentationContextResult {
        id: proposed.id,
        reason: PresentationContextResultReason::Acceptance,
        transfer_syntax: syntax.into(),
    }
}

/// What an abstract syntax is for. One that the standard does not know is taken for storage, as vendors' own classes are.
fn service_of(uid: &str) -> Option<Service> {
    match uid {
        "" => return None,
        VERIFICATION => return Some(Service::Verification),
        COMMITMENT => return Some(Service::Commitment),
        _ => {}
    }
    if META_CLASSES.contains(&uid) {
        return None;
    }
    let is_storage = StandardSopClassDictionary
        .by_uid(uid)
        .is_none_or(|class| class.name.contains("Storage") && !class.name.contains("Commitment"));
    is_storage.then_some(Service::Storage)
}

/// The syntax that is stored best: what the sender has first where that is compressed, else explicit before implicit, little
/// before big endian.
fn best<'o>(offered: &[&'o str]) -> Option<&'o str> {
    let known = || offered.iter().copied().filter(|uid| TransferSyntaxRegistry.get(uid).is_some());
    let rank = |uid: &str| match uid {
        Syntax::EXPLICIT_LE => 0,
        Syntax::IMPLICIT_LE => 1,
        Syntax::DEFLATED => 2,
        Syntax::EXPLICIT_BE => 3,
        _ => 4,
    };
    known().next().filter(|first| rank(first) == 4).or_else(|| known().min_by_key(|uid| rank(uid)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_told_by_patterns() {
        for (title, fits) in [
            ("PACS1", true),
            ("CT07", true),
            ("CT", true),
            ("OTHER", false),
            ("XCT1", false),
            ("*", false),
            ("PACS12", false),
            ("?ACS1", false),
            ("ct1", false),
        ] {
            assert_eq!(["PACS1", "CT*"].iter().any(|p| caller_fits(p, title)), fits, "{title}");
        }
        assert!(caller_fits("A?C*E", "ABC--E--E") && !caller_fits("A?C*E", "ABC--F"));
        assert!(caller_fits("*", "") && !caller_fits("?", ""));
    }

    #[test]
    fn services_are_told_by_their_classes() {
        assert_eq!(service_of("1.2.840.10008.5.1.4.1.1.2"), Some(Service::Storage));
        assert_eq!(service_of("1.3.12.2.1107.5.9.1"), Some(Service::Storage));
        assert_eq!(service_of("1.2.840.10008.5.1.4.31"), None);
        assert_eq!(service_of("1.2.840.10008.1.20.2"), None);
        assert_eq!(service_of("1.2.840.10008.5.1.1.9"), None);
    }

    #[test]
    fn the_syntax_that_is_stored_best_is_chosen() {
        let (jpeg, none) = ("1.2.840.10008.1.2.4.70", "1.2.3.4.5");
        assert_eq!(best(&[Syntax::IMPLICIT_LE, Syntax::EXPLICIT_LE]), Some(Syntax::EXPLICIT_LE));
        assert_eq!(best(&[Syntax::EXPLICIT_BE, Syntax::IMPLICIT_LE]), Some(Syntax::IMPLICIT_LE));
        assert_eq!(best(&[jpeg, Syntax::EXPLICIT_LE]), Some(jpeg));
        assert_eq!(best(&[Syntax::EXPLICIT_LE, jpeg]), Some(Syntax::EXPLICIT_LE));
        assert_eq!(best(&[none]), None);
    }
}
