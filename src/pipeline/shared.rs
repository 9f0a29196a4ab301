//! What every stage needs: the services of one open workspace.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::Bus;
use super::assemble::Recent;
use super::casework::PlanInForce;
use super::deidentify::Deidentify;
use super::fresh::Fresh;
use super::study_identifiers::IdentifierStore;
use super::vault::Vault;
use crate::blob::FsStore;
use crate::bytes::{MemoryBudget, SpillConfig};
use crate::catalog::Catalog;
use crate::config::Config;
use crate::deid::HELD_AT_ONCE;
use crate::harmonise::Rules;
use crate::landing::{IntakeMap, KnownIdentifiers};
use crate::qc::Settings;

/// The services of one open workspace.
pub struct Shared {
    /// The catalog.
    pub catalog: Catalog,
    /// The landing side's map.
    pub map: IntakeMap,
    /// What the studies name; on the landing side.
    pub known: IdentifierStore,
    /// Stored instances.
    pub store: FsStore,
    /// De-identification.
    pub deid: Deidentify,
    /// Who subjects were, sealed.
    pub vault: Vault,
    /// Copies of quarantined files.
    pub quarantine: PathBuf,
    /// Where what Gantry itself receives lies until the stored copy is safe.
    pub received: PathBuf,
    /// The workspace's folder, against which configured paths are resolved.
    pub root: PathBuf,
    /// Instances just stored.
    pub fresh: Fresh,
    /// Series just assembled.
    pub recent: Recent,
    /// Tells everyone who is attached what changed.
    pub bus: Bus,
    /// Held from the moment blobs are put in place until rows name them, and while one that no row names goes.
    pub blob_publish_lock: Mutex<()>,
    /// Held shared by whoever replaces stored instances, alone by whoever needs every one of them to stay.
    pub store_retention_lock: RwLock<()>,
    memory: MemoryBudget,
    config: RwLock<Arc<Config>>,
    rules: RwLock<Arc<Rules>>,
    qc: RwLock<Arc<Settings>>,
    plan: RwLock<Option<Arc<PlanInForce>>>,
}

impl Shared {
    /// Puts the services together.
    pub fn new(
        (catalog, map, known, store): (Catalog, IntakeMap, KnownIdentifiers, FsStore),
        deid: Deidentify,
        (root, quarantine): (PathBuf, PathBuf),
        config: Config,
    ) -> Self {
        Self {
            catalog,
            map,
            known: IdentifierStore::new(known),
            store,
            deid,
            vault: Vault::at(quarantine.with_file_name("vault")),
            received: quarantine.with_file_name("received"),
            quarantine,
            memory: MemoryBudget::new(HELD_AT_ONCE),
            root,
            fresh: Fresh::default(),
            recent: Recent::default(),
            bus: Bus::default(),
            blob_publish_lock: Mutex::default(),
            store_retention_lock: RwLock::default(),
            config: RwLock::new(Arc::new(config)),
            rules: RwLock::default(),
            qc: RwLock::default(),
            plan: RwLock::default(),
        }
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts another configuration in force.
    pub fn set_config(&self, config: Config) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    /// The plan in force, where there is one.
    pub fn plan(&self) -> Option<Arc<PlanInForce>> {
        self.plan.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts another plan in force.
    pub fn set_plan(&self, plan: Option<Arc<PlanInForce>>) {
        *self.plan.write().unwrap_or_else(PoisonError::into_inner) = plan;
    }

    /// The harmonisation rules in force.
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts other harmonisation rules in force.
    pub fn set_rules(&self, rules: Rules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// How the checks are set.
    pub fn qc_settings(&self) -> Arc<Settings> {
        self.qc.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the checks otherwise.
    pub fn set_qc(&self, settings: Settings) {
        *self.qc.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// Where what is made of large files is put aside, and what may be held in memory meanwhile.
    pub fn scratch(&self) -> SpillConfig<'_> {
        SpillConfig { folder: Some(&self.received), memory: Some(&self.memory) }
    }

    /// Where the copy of a quarantined file lies.
    pub fn quarantined(&self, sha256: &str) -> PathBuf {
        self.quarantine.join(format!("{sha256}.dcm"))
    }
}
