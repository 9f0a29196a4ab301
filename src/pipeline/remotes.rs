//! Archives of the configuration: how each is reached, and what they hold.

use super::Shared;
use crate::config::{Config, Method, Reach, Remote};
use crate::model::tags;
use crate::net::{Address, Archive, Attributes, ClientTlsFiles, Key, Level, Peer, RequestError, client};

/// Our title where no listener has one.
const AE_TITLE: &str = "GANTRY";

/// As whom we call.
pub fn our_title(config: &Config) -> &str {
    config.listeners.first().map_or(AE_TITLE, |listener| &*listener.ae_title)
}

/// The title of the listener that a remote moves objects to: what comes by it has the site and the pixels of the remote.
pub fn move_destination_of<'c>(config: &'c Config, remote: &Remote) -> Option<&'c str> {
    let fits = |listener: &&crate::config::Listener| {
        listener.site == remote.site && listener.pixels == remote.pixels
    };
    config.listeners.iter().find(fits).map(|listener| &*listener.ae_title)
}

fn tls_files(root: &std::path::Path, remote: &Remote) -> Option<ClientTlsFiles> {
    let tls = remote.tls.as_ref()?;
    let at = |path: &std::path::PathBuf| root.join(path);
    Some(ClientTlsFiles {
        ca: tls.ca.as_ref().map(at),
        pair: tls.cert.as_ref().zip(tls.key.as_ref()).map(|(cert, key)| (at(cert), at(key))),
    })
}

/// How a remote is called, where it is a DICOM application.
///
/// # Errors
/// A file of its encryption cannot be used.
pub fn peer_of(shared: &Shared, remote: &Remote) -> Result<Option<Peer>, RequestError> {
    peer_at(&shared.root, &shared.config(), remote)
}

fn peer_at(root: &std::path::Path, config: &Config, remote: &Remote) -> Result<Option<Peer>, RequestError> {
    let Reach::Dicom { ae_title, address } = remote.reach() else { return Ok(None) };
    let tls = tls_files(root, remote).map(|files| client(&files)).transpose();
    let tls = tls.map_err(|error| RequestError::Here(error.to_string()))?;
    Ok(Some(Peer { address: address.into(), ours: our_title(config).into(), theirs: ae_title.into(), tls }))
}

/// Where a remote is, and as whom we ask.
///
/// # Errors
/// A file that is needed to reach it cannot be used; objects are to be moved, and no listener is there to take them.
pub fn address_of(root: &std::path::Path, config: &Config, remote: &Remote) -> Result<Address, RequestError> {
    if let Some(peer) = peer_at(root, config, remote)? {
        let move_destination = match remote.method {
            Method::Get => None,
            Method::Move => Some(move_destination_of(config, remote).map(ToOwned::to_owned).ok_or_else(|| {
                let why = "method = \"move\" needs a [[listener]] of the same site and pixels, to which objects are moved";
                RequestError::Here(why.into())
            })?),
        };
        return Ok(Address::Dicom { peer, move_destination });
    }
    let Reach::Web { url } = remote.reach() else { return Err(RequestError::Here("no address".into())) };
    Ok(Address::Web {
        url: url.into(),
        header_file: remote.auth.as_ref().map(|auth| root.join(&auth.header_file)),
        tls: tls_files(root, remote).unwrap_or_default(),
    })
}

/// Goes through what an archive holds at a level, by way of the levels above: a DICOM application need answer no other
/// question. `each` says whether more is wanted.
///
/// # Errors
/// The archive does not answer.
pub fn search(
    archive: &mut dyn Archive,
    level: Level,
    keys: &[Key],
    each: &mut dyn FnMut(Attributes) -> bool,
) -> Result<(), RequestError> {
    // Keys that an archive need not match by are matched here.
    let fits = |level: Level, found: &Attributes| -> Result<bool, RequestError> {
        let optional = keys.iter().filter(|key| Level::of(key.tag) == level && !key.is_required());
        let mut fits = true;
        for key in optional {
            if found.get(key.tag).is_empty() {
                return Err(RequestError::Answer(
                    "it does not tell an attribute that was asked for, so it does not match by it",
                ));
            }
            fits &= key.fits(found.get(key.tag));
        }
        Ok(fits)
    };
    let mut unmatched: Option<RequestError> = None;
    let at = |level: Level| -> Vec<Key> {
        let is_its = |key: &&Key| Level::of(key.tag) == level || is_modality_of(level, key);
        keys.iter().filter(is_its).map(|key| key.at(level)).collect()
    };
    // One study, or one series, that is named need not be searched for.
    let named = |level: Level| keys.iter().find(|key| key.tag == level.unique() && key.is_uid());
    let mut studies: Vec<String> = Vec::new();
    match named(Level::Study) {
        Some(key) if level != Level::Study => studies.push(key.value.clone()),
        _ => {
            let mut is_wanted = true;
            archive.find(Level::Study, &at(Level::Study), &mut |study| {
                match fits(Level::Study, &study) {
                    Ok(true) => {}
                    Ok(false) => return true,
                    Err(error) => {
                        unmatched = Some(error);
                        return false;
                    }
                }
                if level == Level::Study {
                    is_wanted = each(study);
                    return is_wanted;
                }
                studies.extend(study.uid(tags::STUDY_INSTANCE_UID).map(ToOwned::to_owned));
                true
            })?;
        }
    }
    if let Some(error) = unmatched {
        return Err(error);
    }
    for study in studies {
        let above = Key::new(tags::STUDY_INSTANCE_UID, &study);
        let mut series: Vec<String> = Vec::new();
        let mut is_wanted = true;
        let of_study: Vec<Key> = std::iter::once(above.clone()).chain(at(Level::Series)).collect();
        let mut unmatched: Option<RequestError> = None;
        archive.find(Level::Series, &of_study, &mut |mut found| {
            match fits(Level::Series, &found) {
                Ok(true) => {}
                Ok(false) => return true,
                Err(error) => {
                    unmatched = Some(error);
                    return false;
                }
            }
            found.0.insert(tags::STUDY_INSTANCE_UID, study.clone());
            if level == Level::Series {
                is_wanted = each(found);
                return is_wanted;
            }
            series.extend(found.uid(tags::SERIES_INSTANCE_UID).map(ToOwned::to_owned));
            true
        })?;
        if let Some(error) = unmatched {
            return Err(error);
        }
        for one in series {
            let mut of_series = vec![above.clone(), Key::new(tags::SERIES_INSTANCE_UID, &one)];
            of_series.extend(at(Level::Instance));
            archive.find(Level::Instance, &of_series, &mut |mut found| {
                found.0.insert(tags::STUDY_INSTANCE_UID, study.clone());
                found.0.insert(tags::SERIES_INSTANCE_UID, one.clone());
                is_wanted = each(found);
                is_wanted
            })?;
            if !is_wanted {
                return Ok(());
            }
        }
        if !is_wanted {
            return Ok(());
        }
    }
    Ok(())
}

/// The modality of a series is asked for of its study, too.
fn is_modality_of(level: Level, key: &Key) -> bool {
    level == Level::Study && key.tag == tags::MODALITY
}
