//! A workspace that listens, with real peers: DCMTK sends, pynetdicom asks for commitment, others do what they like.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "network/archives.rs"]
mod archives;
#[path = "network/buckets.rs"]
mod buckets;
mod common;
#[path = "network/viewers.rs"]
mod viewers;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::files::{file, series};
use common::{gantry, peer, skip, text};
use serde_json::Value;

/// A program of DCMTK: pynetdicom has some of the same names.
fn dcmtk(program: &str) -> Option<PathBuf> {
    let is_it = |path: &PathBuf| {
        let out = Command::new(path).arg("--version").output();
        out.is_ok_and(|out| String::from_utf8_lossy(&out.stdout).contains("dcmtk"))
    };
    let path = std::env::var_os("PATH")?;
    let found =
        std::env::split_paths(&path).map(|folder| folder.join(program)).find(|p| p.is_file() && is_it(p));
    if found.is_none() {
        skip(&format!("DCMTK's {program} is not installed"));
    }
    found
}

/// A port that is free.
fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A workspace with listeners, and files to send.
struct Place {
    dir: tempfile::TempDir,
    port: u16,
}

/// `gantry run` beside the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Ends it in good order; its summary.
    fn stop(mut self) -> Value {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let mut out = String::new();
        self.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        assert!(self.0.wait().unwrap().success());
        serde_json::from_str(out.lines().last().unwrap()).unwrap()
    }
}

impl Place {
    fn with(more: &str) -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap(), port: port() };
        assert_eq!(gantry(&["init", text(&place.root())]).0, 0);
        place.configure(&format!(
            "[[listener]]\nname = 'ct'\nae_title = 'GANTRY'\nbind = '127.0.0.1:{}'\nsite = 'A'\n{more}\n",
            place.port
        ));
        place
    }

    fn configure(&self, more: &str) {
        let config = self.root().join("gantry.toml");
        let text = fs::read_to_string(&config).unwrap();
        fs::write(config, format!("{text}\n{more}")).unwrap();
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("w")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A series to send.
    fn sources(&self, slices: u32) -> Vec<PathBuf> {
        let folder = self.at("sources");
        fs::create_dir_all(&folder).unwrap();
        let all = series(slices);
        let paths = all.iter().map(|slice| {
            let path = folder.join(format!("{}.dcm", slice.number));
            fs::write(&path, file(slice)).unwrap();
            path
        });
        paths.collect()
    }

    fn run(&self) -> Running {
        let program = env!("CARGO_BIN_EXE_gantry");
        let child = Command::new(program)
            .args(["--workspace", text(&self.root()), "--json", "run"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < until, "nobody listens");
            std::thread::sleep(Duration::from_millis(50));
        }
        Running(child)
    }

    fn ask(&self, arguments: &[&str]) -> (i32, Vec<Value>, String) {
        gantry(&[&["--workspace", text(&self.root())], arguments].concat())
    }

    /// DCMTK's program with options, to this listener.
    fn call(&self, program: &Path, options: &[&str], files: &[PathBuf]) -> bool {
        let out = Command::new(program)
            .args(["-to", "10", "-aec", "GANTRY"])
            .args(options)
            .args(["127.0.0.1", &self.port.to_string()])
            .args(files)
            .env("TCP_NODELAY", "1")
            .output()
            .unwrap();
        out.status.success()
    }

    /// Names of the stored files, which are the hashes of their bytes.
    fn stored(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut folders = vec![self.root().join("store")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    names.push(path.file_name().unwrap().to_string_lossy().into_owned());
                }
            }
        }
        names.sort();
        names
    }

    fn arrived(&self) -> usize {
        fs::read_dir(self.root().join("landing/arrived/ct")).map_or(0, Iterator::count)
    }
}

#[test]
fn what_is_sent_is_stored_as_by_ingest_and_once() {
    let (Some(storescu), Some(echoscu)) = (dcmtk("storescu"), dcmtk("echoscu")) else { return };
    let place = Place::with("callers = ['PACS?']");
    let files = place.sources(12);
    let twin = Place::with("");
    fs::copy(place.root().join("secret"), twin.root().join("secret")).unwrap();
    assert_eq!(twin.ask(&["ingest", text(&place.at("sources")), "--site", "A"]).0, 0);

    let running = place.run();
    assert!(place.call(&echoscu, &["-aet", "PACS1"], &[]));
    for other in ["OTHER", "PACS", "pacs1"] {
        assert!(!place.call(&echoscu, &["-aet", other], &[]), "{other}");
    }
    assert!(place.call(&storescu, &["-aet", "PACS1"], &files));
    let summary = running.stop();
    let rest = place.ask(&["run", "--once"]).1.pop().unwrap();
    let sum = |key: &str| summary[key].as_u64().unwrap() + rest[key].as_u64().unwrap();
    assert_eq!((sum("received"), sum("deidentified")), (12, 12));
    assert_eq!(place.stored(), twin.stored());
    assert_eq!(place.arrived(), 0);

    let running = place.run();
    assert!(place.call(&storescu, &["-aet", "PACS2"], &files[..5]));
    let summary = running.stop();
    let rest = place.ask(&["run", "--once"]).1.pop().unwrap();
    assert_eq!(summary["duplicates"].as_u64().unwrap() + rest["duplicates"].as_u64().unwrap(), 5);
    assert_eq!((place.stored(), place.arrived()), (twin.stored(), 0));

    let (_, trail, _) = place.ask(&["audit", "export"]);
    let of = |caller: &str| {
        let told = trail.iter().filter(|e| e["action"] == "listener.association");
        told.filter(|e| e["detail"]["caller"] == caller)
            .map(|e| e["detail"]["objects"].as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!((of("PACS1"), of("PACS2"), of("OTHER")), (12, 5, 0));
    assert_eq!(place.ask(&["verify"]).0, 0);
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let Some(storescu) = dcmtk("storescu") else { return };
    let place = Place::with("");
    let files = place.sources(40);
    let running = place.run();
    assert!(place.call(&storescu, &[], &files));
    drop(running);
    // As a power cut may leave them: nobody was told that these were taken.
    let arrived = place.root().join("landing/arrived/ct");
    fs::write(arrived.join("00000000000000000001.part"), b"cut").unwrap();
    fs::write(arrived.join("00000000000000000002.4000.dcm"), b"cut").unwrap();
    place.ask(&["run", "--once"]);
    assert_eq!(place.stored().len(), 40);
    assert_eq!(place.run().stop()["received"], 0);
    assert_eq!(place.arrived(), 0);
    assert_eq!(place.ask(&["verify"]).0, 0);
}

#[test]
fn an_encrypted_listener_wants_a_certificate() {
    let (Some(storescu), Some(echoscu), Some(openssl)) =
        (dcmtk("storescu"), dcmtk("echoscu"), peer("openssl"))
    else {
        return;
    };
    let place = Place::with("tls = { cert = 'server.pem', key = 'server.key', client_ca = 'ca.pem' }");
    let run = |arguments: &[&str]| {
        let out = Command::new(&openssl).args(arguments).current_dir(place.dir.path()).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    };
    fs::write(place.at("ext"), "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n").unwrap();
    for ca in ["ca", "other"] {
        let (key, pem, subject) = (format!("{ca}.key"), format!("{ca}.pem"), format!("/CN={ca}"));
        let how = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3"];
        run(&[&how[..], &["-keyout", &key, "-out", &pem, "-subj", &subject]].concat());
    }
    for (name, ca) in [("server", "ca"), ("client", "ca"), ("stranger", "other")] {
        let [key, csr, pem] = ["key", "csr", "pem"].map(|ending| format!("{name}.{ending}"));
        let (ca_pem, ca_key) = (format!("{ca}.pem"), format!("{ca}.key"));
        run(&["req", "-newkey", "rsa:2048", "-nodes", "-keyout", &key, "-out", &csr, "-subj", "/CN=x"]);
        let sign =
            ["x509", "-req", "-days", "3", "-CAcreateserial", "-extfile", "ext", "-in", &csr, "-out", &pem];
        run(&[&sign[..], &["-CA", &ca_pem, "-CAkey", &ca_key]].concat());
    }
    for name in ["server.pem", "server.key", "ca.pem"] {
        fs::copy(place.at(name), place.root().join(name)).unwrap();
    }
    let files = place.sources(3);
    let running = place.run();
    let [ca, client, client_key, stranger, stranger_key] =
        ["ca.pem", "client.pem", "client.key", "stranger.pem", "stranger.key"].map(|n| place.at(n));
    let shown =
        |key: &Path, pem: &Path| ["+tls", text(key), text(pem), "+cf", text(&ca)].map(String::from).to_vec();
    let call = |program: &Path, options: Vec<String>, files: &[PathBuf]| {
        place.call(program, &options.iter().map(String::as_str).collect::<Vec<_>>(), files)
    };
    assert!(call(&echoscu, shown(&client_key, &client), &[]));
    assert!(!call(&echoscu, shown(&stranger_key, &stranger), &[]));
    assert!(!call(&echoscu, ["+tla", "+cf", text(&ca)].map(String::from).to_vec(), &[]));
    assert!(!call(&echoscu, Vec::new(), &[]));
    assert!(call(&storescu, shown(&client_key, &client), &files));
    drop(running);
    place.ask(&["run", "--once"]);
    assert_eq!(place.stored().len(), 3);
}

/// What pynetdicom, as a sender, is told about what it has sent: on an association of its own, and on the one that it asked
/// over.
const ASK: &str = r#"
import sys, time, threading
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
port, mine, known, uids = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "known", sys.argv[4:]
model, came, told = "1.2.840.10008.1.20.1", {}, threading.Event()
def report(event):
    info = event.event_information
    came["type"] = event.event_type
    came["held"] = sorted(str(i.ReferencedSOPInstanceUID) for i in info.get("ReferencedSOPSequence", []))
    came["failed"] = sorted((str(i.ReferencedSOPInstanceUID), int(i.FailureReason)) for i in info.get("FailedSOPSequence", []))
    told.set()
    return 0x0000, None
handlers = [(evt.EVT_N_EVENT_REPORT, report)]
ae = AE("SENDER" if known else "STRANGER")
ae.add_supported_context(model, scu_role=True, scp_role=True)
ae.add_supported_context("1.2.840.10008.1.1")
server = ae.start_server(("127.0.0.1", mine), block=False, evt_handlers=handlers)
ae.add_requested_context(model)
a = ae.associate("127.0.0.1", port, ae_title="GANTRY", evt_handlers=handlers)
ask = Dataset()
ask.TransactionUID, ask.ReferencedSOPSequence = "2.25.77", []
for uid in uids:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", uid
    ask.ReferencedSOPSequence.append(item)
status, _ = a.send_n_action(ask, 1, model, "1.2.840.10008.1.20.1.1")
assert status.Status == 0, status
if known: a.release()
told.wait(30)
if a.is_established: a.release()
server.shutdown()
print(came["type"], len(came["held"]), came["failed"])
"#;

#[test]
fn commitment_is_given_for_what_is_held_and_for_nothing_else() {
    let Some(storescu) = dcmtk("storescu") else { return };
    let has = Command::new("python3").args(["-c", "import pynetdicom"]).output();
    if !has.is_ok_and(|out| out.status.success()) {
        return skip("pynetdicom is not installed");
    }
    let place = Place::with("");
    let mine = port();
    place.configure(&format!(
        "[[remote]]\nname = 'sender'\nae_title = 'SENDER'\naddress = '127.0.0.1:{mine}'\nsite = 'A'\n"
    ));
    let files = place.sources(4);
    let uids: Vec<String> = series(4).iter().map(|s| format!("2.25.77.{}.{}", s.series, s.number)).collect();
    let asked = |known: &str, more: &[&str]| {
        let ports = [place.port.to_string(), mine.to_string()];
        let uids = uids.iter().map(String::as_str).chain(more.iter().copied());
        let out = Command::new("python3")
            .args(["-c", ASK, &ports[0], &ports[1], known])
            .args(uids)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&out.stdout).trim().to_owned();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        told
    };
    let running = place.run();
    assert!(place.call(&storescu, &[], &files));
    // As soon as it was taken, and when all is stored; over an association to the sender, and over its own.
    assert_eq!(asked("known", &[]), "1 4 []");
    assert_eq!(asked("unknown", &[]), "1 4 []");
    assert_eq!(asked("known", &["2.25.4711"]), "2 4 [('2.25.4711', 274)]");
    drop(running);
    place.ask(&["run", "--once"]);
    let _running = place.run();
    assert_eq!(asked("known", &["2.25.4711"]), "2 4 [('2.25.4711', 274)]");
    let (code, lines, _) = place.ask(&["remote", "list"]);
    assert_eq!((code, &lines[0]["ae_title"]), (0, &"SENDER".into()));
    let (code, lines, _) = place.ask(&["remote", "echo", "sender"]);
    assert_eq!((code, &lines[0]["ok"]), (6, &false.into()));
}

#[test]
fn noise_ends_and_holds_nobody_up() {
    let Some(echoscu) = dcmtk("echoscu") else { return };
    let place = Place::with("max_associations = 2\nartim_s = 1\nidle_s = 1");
    let running = place.run();
    let titles = [*b"GANTRY          ", *b"NOISE           "].concat();
    let request = |items: &[u8]| {
        let body = [&[0, 1, 0, 0][..], &titles, &[0; 32], items].concat();
        [&[1, 0][..], &(body.len() as u32).to_be_bytes(), &body].concat()
    };
    let context = b"\x10\x00\x00\x151.2.840.10008.3.1.1.1";
    let echo =
        b"\x20\x00\x00\x2e\x01\x00\x00\x00\x30\x00\x00\x111.2.840.10008.1.1\x40\x00\x00\x111.2.840.10008.1.2";
    let echo = [&context[..], &echo[..]].concat();
    let noise: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("half a header", vec![1, 0, 0]),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("zeros", vec![0; 70_000]),
        ("4 GiB", [&[1, 0, 0xFF, 0xFF, 0xFF, 0xFF][..], &[0; 9_000]].concat()),
        ("data first", vec![4, 0, 0, 0, 0, 6, 0, 0, 0, 2, 1, 3]),
        ("an item beyond its PDU", request(b"\x10\x00\xFF\xFF")),
        ("no application context", request(&echo[context.len()..])),
        (
            "a PDV beyond its PDU",
            [&request(&echo)[..], b"\x04\x00\x00\x00\x00\x06\x7F\xFF\xFF\xFF\x01\x03"].concat(),
        ),
        (
            "a context of nobody",
            [&request(&echo)[..], b"\x04\x00\x00\x00\x00\x08\x00\x00\x00\x04\x4D\x03ab"].concat(),
        ),
        ("no command", [&request(&echo)[..], b"\x04\x00\x00\x00\x00\x08\x00\x00\x00\x04\x01\x03ab"].concat()),
        ("silence", request(&echo)),
    ];
    for (what, bytes) in &noise {
        let mut stream = TcpStream::connect(("127.0.0.1", place.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let _ = stream.write_all(bytes);
        // It is refused, aborted or closed: the connection ends.
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{what}"),
        }
        let last = answer.len().checked_sub(10).map(|at| answer[at]);
        assert!(answer.is_empty() || [Some(3), Some(7)].contains(&last), "{what}: {answer:?}");
    }
    assert!(place.call(&echoscu, &[], &[]));
    // Two may call at a time; a third is told to come again.
    let associate = || {
        let mut stream = TcpStream::connect(("127.0.0.1", place.port)).unwrap();
        stream.write_all(&request(&echo)).unwrap();
        let mut head = [0; 10];
        stream.read_exact(&mut head).unwrap();
        (stream, head)
    };
    let [(_one, first), (_two, second), (_three, third)] = [associate(), associate(), associate()];
    assert_eq!((first[0], second[0], third), (2, 2, [3, 0, 0, 0, 0, 4, 0, 2, 3, 2]));
    drop(running);
}

#[test]
fn mistakes_of_the_network_are_named() {
    let place = Place::with("max_pdu = 7");
    let (code, lines, _) = place.ask(&["config", "check"]);
    assert_eq!(code, 3, "{lines:?}");
    let told = lines.iter().map(ToString::to_string).collect::<String>();
    assert!(told.contains("listener[0].max_pdu"), "{told}");
    let place = Place::with("");
    place.configure(
        "[[remote]]\nname = '../x'\nae_title = 'A'\naddress = 'nowhere'\nsite = 'A'\n\
         [[remote]]\nname = 'clear'\nurl = 'http://example.org/dicom-web'\nauth = { header_file = 't' }\nsite = 'B'\n\
         [[remote.pull]]\nkeys = ['Manufacturer=X']\nevery_minutes = 5\nbetween = '20:00-20:00'\n\
         [[remote]]\nname = 'mover'\nae_title = 'M'\naddress = '10.0.0.1:104'\nsite = 'other'\nmethod = 'move'\n\
         [[web]]\nbind = '0.0.0.0:8042'\n\
         [[inbox]]\nname = 'b'\npath = 's3://key:secret@bucket/'\nsite = 'A'\nafter = 'remove'\n",
    );
    let (code, lines, _) = place.ask(&["config", "check"]);
    let told = lines.iter().map(ToString::to_string).collect::<String>();
    assert_eq!(code, 3, "{told}");
    for key in [
        "remote[0].name",
        "remote[0].address",
        "remote[1].url",
        "remote[1].pull[0].between",
        "web[0].tls",
        "inbox[0].after",
        "inbox[0].path",
    ] {
        assert!(told.contains(key), "{key} is not named: {told}");
    }
}
