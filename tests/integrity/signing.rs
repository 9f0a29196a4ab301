//! The signed trail: a cut end, a chain written anew and an older catalog are found, and anybody can verify a checkpoint.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use gantry::audit::{Checkpoint, Entry, GENESIS, Hash, TrailKey, chain};
use serde_json::Value;

use crate::Place;
use crate::common::{peer, text};

/// Somebody changes who did something, and every hash after it, as only the chain itself would have it.
fn write_anew(place: &Place) {
    let catalog = rusqlite::Connection::open(place.workspace().join("catalog.sqlite")).unwrap();
    catalog.execute("UPDATE trail SET actor = 'nobody' WHERE sequence = 2", []).unwrap();
    let mut previous = GENESIS;
    let mut read = catalog
        .prepare("SELECT sequence, at_ms, actor, action, object, detail FROM trail ORDER BY 1")
        .unwrap();
    let rows: Vec<(i64, i64, [String; 4])> = read
        .query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, [row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?]))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (sequence, at_ms, [actor, action, object, detail]) in &rows {
        let sequence = *sequence as u64;
        let entry = Entry { sequence, at_ms: *at_ms, actor, action, object, detail };
        previous = chain(&previous, &entry);
        let set = "UPDATE trail SET hash = ?2 WHERE sequence = ?1";
        catalog.execute(set, rusqlite::params![sequence as i64, previous]).unwrap();
    }
}

/// Signs every checkpoint anew with a key.
fn sign_anew(place: &Place, key: &TrailKey) {
    let catalog = rusqlite::Connection::open(place.workspace().join("catalog.sqlite")).unwrap();
    let mut read = catalog
        .prepare("SELECT c.entries, t.hash, c.at_ms FROM checkpoint c JOIN trail t ON t.sequence = c.entries")
        .unwrap();
    let rows: Vec<(i64, Hash, i64)> = read
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (entries, hash, at_ms) in rows {
        let signed = key.sign(entries as u64, &hash, at_ms);
        let set = "UPDATE checkpoint SET hash = ?2, key = ?3, signature = ?4 WHERE entries = ?1";
        catalog.execute(set, rusqlite::params![entries, signed.hash, signed.key, signed.signature]).unwrap();
    }
}

fn broken(place: &Place, arguments: &[&str]) -> Option<String> {
    let workspace = place.workspace();
    let command = [&["--workspace", text(&workspace), "audit", "verify"], arguments].concat();
    let told = crate::gantry(&command).1.into_iter().next_back().unwrap();
    told["broken"].as_str().map(String::from)
}

#[test]
fn the_trail_is_signed_at_its_end_and_anybody_can_verify_that() {
    let place = Place::with(2);
    let told = place.run(&["audit", "verify"], 0);
    assert_eq!(told["signed_entries"], told["entries"], "{told}");
    assert!(told["checkpoints"].as_u64() >= Some(1) && broken(&place, &[]).is_none());
    let key = place.workspace().join("trail.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = place.at("kept");
    let signed = place.run(&["audit", "checkpoint", "--to", text(&kept)], 0);
    let signed: Checkpoint = serde_json::from_value(signed).unwrap();
    assert!(signed.holds() && Some(&*signed.key) == told["key"].as_str());
    let Some(openssl) = peer("openssl") else { return };
    let (public, message, signature) = (place.at("key.pem"), place.at("message"), place.at("signature"));
    fs::write(&message, signed.message()).unwrap();
    fs::write(&signature, hex::decode(&signed.signature).unwrap()).unwrap();
    let run = |arguments: &[&str]| Command::new(&openssl).args(arguments).output().unwrap().status.success();
    assert!(run(&["pkey", "-in", text(&key), "-pubout", "-out", text(&public)]));
    let verify = ["pkeyutl", "-verify", "-pubin", "-inkey", text(&public), "-rawin", "-in", text(&message)];
    assert!(run(&[&verify[..], &["-sigfile", text(&signature)]].concat()));
    fs::write(&message, signed.message().replace("checkpoint 1", "checkpoint 2")).unwrap();
    assert!(!run(&[&verify[..], &["-sigfile", text(&signature)]].concat()));
    // A key that others can read, or that is damaged, signs nothing; the workspace can still be read.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(place.refusal(&["snapshot", "create", "v1"], 3).contains("trail.key"));
    place.run(&["stats"], 0);
    assert!(place.refusal(&["run", "--once"], 3).contains("reading only"));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&key, "no key").unwrap();
    assert!(place.refusal(&["snapshot", "create", "v1"], 3).contains("trail.key"));
    place.run(&["audit", "verify"], 0);
}

#[test]
fn a_trail_that_was_written_anew_is_found_as_far_as_the_writer_has_no_key() {
    let place = Place::with(2);
    let kept = place.at("kept");
    place.run(&["audit", "checkpoint", "--to", text(&kept)], 0);
    let outside = ["--checkpoint", text(&kept)];
    write_anew(&place);
    assert!(broken(&place, &[]).unwrap().contains("written anew"));
    // Signed with the right hash, but with nobody's key; then with a key of one's own.
    place.tamper(
        "UPDATE checkpoint SET hash = (SELECT lower(hex(hash)) FROM trail WHERE sequence = checkpoint.entries)",
    );
    assert!(broken(&place, &[]).unwrap().contains("signature"));
    let own = TrailKey::new(&[5; 32]);
    sign_anew(&place, &own);
    assert!(broken(&place, &[]).unwrap().contains("does not name"));
    place.tamper(&format!(
        "UPDATE trail SET detail = '{{\"key\":\"{}\"}}' WHERE action = 'trail.key'",
        own.public()
    ));
    write_anew(&place);
    sign_anew(&place, &own);
    // Now the catalog is of one piece; what was kept beside it is not, and neither is what is kept outside.
    assert!(broken(&place, &[]).unwrap().contains("trail.checkpoint"));
    fs::remove_file(place.workspace().join("trail.checkpoint")).unwrap();
    assert_eq!(broken(&place, &[]), None);
    assert!(broken(&place, &outside).unwrap().contains("written anew"));
}

#[test]
fn an_older_catalog_in_the_place_of_the_newer_is_found_and_a_restored_backup_is_not() {
    let place = Place::with(2);
    let (catalog, older) = (place.workspace().join("catalog.sqlite"), place.at("older.sqlite"));
    fs::copy(&catalog, &older).unwrap();
    let backup = place.at("backup");
    place.run(&["backup", text(&backup)], 0);
    place.run(&["queue", "claim"], 0);
    fs::copy(&older, &catalog).unwrap();
    assert!(broken(&place, &[]).unwrap().contains("older catalog"));
    // It stays told, whatever is done since, and doctor tells it too.
    place.run(&["queue", "claim"], 0);
    assert!(broken(&place, &[]).is_some());
    let doctor = place.run(&["doctor"], 1);
    let examined = doctor["examined"].as_array().unwrap();
    let integrity: &Value = examined.iter().find(|e| e["what"] == "integrity").unwrap();
    assert!(integrity["ok"] == false, "{integrity}");
    // The backup comes back by the front door: the trail says so, and what was signed before goes aside with its catalog.
    place.run(&["restore", text(&backup)], 0);
    assert_eq!(broken(&place, &[]), None);
    place.run(&["verify"], 0);
    assert!(
        place.run(&["audit", "show", "--object", "workspace"], 0).to_string().contains("workspace.restore")
    );
}

#[test]
fn a_long_trail_is_signed_in_between() {
    let place = Place::with(1);
    let catalog = gantry::catalog::Catalog::open(&place.workspace().join("catalog.sqlite")).unwrap();
    catalog.sign_with(TrailKey::new(&[5; 32]));
    let detail = serde_json::json!({ "key": TrailKey::new(&[5; 32]).public() });
    catalog.write(|tx| tx.audit(1, "gantry", "trail.key", "trail", &detail)).unwrap();
    for _ in 0..25 {
        catalog
            .write(|tx| {
                (0..100).try_for_each(|_| tx.audit(1, "amira", "test", "task 1", &Value::Null).map(|_| ()))
            })
            .unwrap();
    }
    let signed: Vec<u64> = catalog.read().checkpoints().unwrap().iter().map(|c| c.entries).collect();
    assert!(signed.contains(&1_000) && signed.contains(&2_000), "{signed:?}");
    drop(catalog);
    assert_eq!(broken(&place, &[]), None);
}

#[test]
fn the_trail_goes_out_as_audit_messages() {
    let place = Place::with(2);
    place.run(&["queue", "claim"], 0);
    let workspace = place.workspace();
    let ran = Command::new(env!("CARGO_BIN_EXE_gantry"))
        .args(["--workspace", text(&workspace), "audit", "export", "--format", "atna"])
        .output()
        .unwrap();
    let messages = String::from_utf8(ran.stdout).unwrap();
    let trail = crate::gantry(&["--workspace", text(&workspace), "audit", "export"]).1;
    assert_eq!(messages.lines().count(), trail.len());
    let Some(python) = peer("python3") else { return };
    // Read by somebody else's parser: each is one message, with what the schema demands.
    let script = "import sys, base64, xml.etree.ElementTree as E\n\
                  for line in sys.stdin:\n\
                  \x20   m = E.fromstring(line); assert m.tag == 'AuditMessage'\n\
                  \x20   e = m.find('EventIdentification'); assert e.get('EventActionCode') in 'CRUDE'\n\
                  \x20   assert e.get('EventOutcomeIndicator') in ('0', '4', '8', '12') and 'T' in e.get('EventDateTime')\n\
                  \x20   assert e.find('EventID').get('csd-code').isdigit() and m.find('ActiveParticipant').get('UserID')\n\
                  \x20   assert m.find('AuditSourceIdentification').get('AuditSourceID') is not None\n\
                  \x20   o = m.find('ParticipantObjectIdentification'); assert o.get('ParticipantObjectID')\n\
                  \x20   d = {x.get('type'): base64.b64decode(x.get('value')) for x in o.findall('ParticipantObjectDetail')}\n\
                  \x20   print(int(d['entry']), d['hash'].decode())";
    let mut child = Command::new(python)
        .args(["-c", script])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), messages.as_bytes()).unwrap();
    let read = child.wait_with_output().unwrap();
    assert!(read.status.success());
    let told: Vec<String> =
        trail.iter().map(|e| format!("{} {}", e["sequence"], e["hash"].as_str().unwrap())).collect();
    assert_eq!(String::from_utf8(read.stdout).unwrap().lines().collect::<Vec<_>>(), told);
}
