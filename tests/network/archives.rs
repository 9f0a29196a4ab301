//! Archives elsewhere, played by DCMTK: searched, pulled from, sent to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::common::text;
use super::{Place, dcmtk, port};

/// DCMTK's archive, ended with the test.
struct Archive {
    child: Child,
    port: u16,
    storescu: PathBuf,
}

impl Drop for Archive {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Archive {
    /// Starts it; it moves to `place`'s listener.
    fn start(place: &Place) -> Option<Self> {
        let (qr, storescu, echoscu) = (dcmtk("dcmqrscp")?, dcmtk("storescu")?, dcmtk("echoscu")?);
        let (port, folder) = (port(), place.at("archive"));
        fs::create_dir_all(folder.join("db")).unwrap();
        let config = format!(
            "NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\nHostTable BEGIN\ng = (GANTRY, 127.0.0.1, \
             {})\nHostTable END\nVendorTable BEGIN\nVendorTable END\nAETable BEGIN\nQR {} RW (200, 1024mb) ANY\nAETable END\n",
            place.port,
            text(&folder.join("db"))
        );
        fs::write(folder.join("cfg"), config).unwrap();
        let child = Command::new(qr)
            .args(["-c", text(&folder.join("cfg"))])
            .env("TCP_NODELAY", "1")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let archive = Self { child, port, storescu };
        let until = Instant::now() + Duration::from_secs(20);
        let answers = || {
            let out = Command::new(&echoscu).args(["-aec", "QR", "127.0.0.1", &port.to_string()]).output();
            out.is_ok_and(|out| out.status.success())
        };
        while !answers() {
            assert!(Instant::now() < until, "the archive does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(archive)
    }

    fn load(&self, files: &[PathBuf]) {
        let out = Command::new(&self.storescu)
            .args(["-aec", "QR", "127.0.0.1", &self.port.to_string()])
            .args(files)
            .env("TCP_NODELAY", "1")
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    fn configure(&self, place: &Place, method: &str) {
        place.configure(&format!(
            "[[remote]]\nname = 'qr'\nae_title = 'QR'\naddress = '127.0.0.1:{}'\nsite = 'A'\nmethod = '{method}'\n",
            self.port
        ));
    }
}

fn count(answer: &Value, key: &str) -> u64 {
    answer[key].as_u64().unwrap_or_else(|| panic!("no {key} in {answer}"))
}

/// Whether any file of the workspace but what is sealed holds these bytes.
fn holds(root: &Path, needle: &str) -> bool {
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read(&path).is_ok_and(|b| b.windows(needle.len()).any(|w| w == needle.as_bytes())) {
                return true;
            }
        }
    }
    false
}

#[test]
fn what_is_not_here_is_pulled_and_what_is_here_is_not_pulled_again() {
    for method in ["get", "move"] {
        let place = Place::with("");
        let Some(archive) = Archive::start(&place) else { return };
        archive.configure(&place, method);
        let files = place.sources(6);
        archive.load(&files[..4]);
        let (code, found, _) = place.ask(&["remote", "find", "qr", "PatientID=*"]);
        assert_eq!((code, found.len()), (0, 1), "{found:?}");
        let study = found[0]["StudyInstanceUID"].as_str().unwrap().to_owned();
        let keys = format!("StudyInstanceUID={study}");
        let (_, instances, _) = place.ask(&["remote", "find", "qr", &keys, "--level", "instance"]);
        assert_eq!(instances.len(), 4);
        let (_, dry, _) = place.ask(&["pull", "qr", &keys, "--dry-run"]);
        assert_eq!((count(&dry[0], "found"), count(&dry[0], "pulled")), (4, 0));
        assert!(place.stored().is_empty());
        let (code, first, why) = place.ask(&["pull", "qr", &keys]);
        assert_eq!(
            (code, count(&first[0], "pulled"), &first[0]["failed"]),
            (0, 4, &Value::Array(Vec::new())),
            "{why}"
        );
        // What a listener has received is taken up by the next run, where it was not at once.
        place.ask(&["run", "--once"]);
        assert_eq!(place.stored().len(), 4, "by {method}");
        let (_, again, _) = place.ask(&["pull", "qr", &keys]);
        assert_eq!((count(&again[0], "here"), count(&again[0], "pulled")), (4, 0));
        archive.load(&files[4..]);
        let (_, grown, _) = place.ask(&["pull", "qr", &keys]);
        assert_eq!((count(&grown[0], "here"), count(&grown[0], "pulled")), (4, 2));
        place.ask(&["run", "--once"]);
        assert_eq!(place.stored().len(), 6);
        // The trail tells that it was asked, and not for whom.
        let (_, trail, _) = place.ask(&["audit", "export"]);
        let told: Vec<&str> = trail.iter().filter_map(|entry| entry["action"].as_str()).collect();
        assert!(told.contains(&"remote.find") && told.contains(&"remote.pull"), "{told:?}");
        assert!(!trail.iter().any(|entry| entry.to_string().contains(&study)), "the trail names the study");
        assert!(!holds(&place.root().join("logs"), &study));
    }
}

#[test]
fn who_is_not_there_and_what_is_no_key_is_said() {
    let place = Place::with("");
    place.configure(&format!(
        "[[remote]]\nname = 'gone'\nae_title = 'X'\naddress = '127.0.0.1:{}'\nsite = 'A'\n",
        port()
    ));
    let (code, answer, _) = place.ask(&["pull", "gone", "PatientID=A"]);
    assert_eq!((code, &answer[0]["error"]["code"]), (6, &"remote".into()), "{answer:?}");
    for wrong in ["PatientID", "Nonsense=1", "PatientID=", "PixelData=1"] {
        assert_eq!(place.ask(&["pull", "gone", wrong]).0, 2, "{wrong}");
    }
    assert_eq!(place.ask(&["pull", "nobody", "PatientID=A"]).0, 4);
    assert_eq!(place.ask(&["send", "gone", "modality:CT"]).0, 1, "nothing matches");
}

#[test]
fn what_is_stored_is_sent_and_registered() {
    let (Some(storescp), Some(echoscu)) = (dcmtk("storescp"), dcmtk("echoscu")) else { return };
    let (place, taken, at) = (Place::with(""), port(), "taken");
    fs::create_dir_all(place.at(at)).unwrap();
    let mut child = Command::new(storescp)
        .args(["-od", text(&place.at(at)), "-aet", "OUT", &taken.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    place.configure(&format!(
        "[[remote]]\nname = 'out'\nae_title = 'OUT'\naddress = '127.0.0.1:{taken}'\nsite = 'A'\n"
    ));
    let files = place.sources(5);
    let folder = files[0].parent().unwrap().to_owned();
    assert_eq!(place.ask(&["ingest", text(&folder), "--site", "A"]).0, 0);
    for _ in 0..100 {
        let out = Command::new(&echoscu).args(["127.0.0.1", &taken.to_string()]).output().unwrap();
        if out.status.success() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let (code, sent, why) = place.ask(&["send", "out", "modality:CT"]);
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!((code, count(&sent[0], "sent")), (0, 5), "{why}");
    assert_eq!(fs::read_dir(place.at(at)).unwrap().count(), 5);
    assert!(!holds(&place.at(at), "2.25.77."), "a UID of the source went out");
    // When a subject withdraws, who holds it is named.
    let (_, series, _) = place.ask(&["search", "modality:CT"]);
    let subject = series[0]["subject"].as_str().unwrap();
    let (code, withdrawn, why) = place.ask(&["withdraw", subject, "--reason", "the site says so"]);
    assert_eq!(code, 0, "{why}");
    assert!(withdrawn[0]["exports"].to_string().contains("remote out"), "{}", withdrawn[0]);
    assert_eq!(place.ask(&["send", "out", "modality:CT"]).1[0]["series"], 0, "what has withdrawn stays here");
    assert_eq!(place.ask(&["verify"]).0, 0);
}

#[test]
fn what_a_sender_lists_is_compared_with_what_is_here() {
    let place = Place::with("");
    let files = place.sources(4);
    let folder = files[0].parent().unwrap().to_owned();
    assert_eq!(place.ask(&["ingest", text(&folder), "--site", "A"]).0, 0);
    let list = |name: &str, content: &str| {
        fs::write(place.at(name), content).unwrap();
        place.ask(&["intake", "reconcile", text(&place.at(name))])
    };
    let header = fs::read(&files[0]).unwrap();
    let file = gantry::dicom::read(&header, gantry::dicom::ReadOptions::default()).unwrap();
    let study =
        file.dataset.ascii(gantry::model::Tag(0x0020_000D)).unwrap().trim_end_matches('\0').to_owned();
    let instances: Vec<String> =
        super::series(4).iter().map(|s| format!("2.25.77.{}.{}", s.series, s.number)).collect();
    let (code, whole, why) = list("whole.csv", &format!("SOPInstanceUID\n{}\n", instances.join("\n")));
    assert_eq!((code, &whole[0]["states"]["stored"]), (0, &4.into()), "{why}");
    let (code, short, _) = list("short.csv", &format!("sop_uid\n{}\n2.25.4711\n", instances[0]));
    assert_eq!((code, &short[0]["uid"], &short[0]["state"]), (1, &"2.25.4711".into(), &"missing".into()));
    let (code, _, _) = list("study.csv", &format!("StudyInstanceUID,instances\n{study},4\n"));
    assert_eq!(code, 0);
    let (code, grown, _) = list("grown.csv", &format!("StudyInstanceUID,instances\n{study},6\n"));
    assert_eq!((code, &grown[0]["here"], &grown[0]["listed"]), (1, &4.into(), &6.into()));
    assert_eq!(list("none.csv", "a,b\n1,2\n").0, 4);
}
