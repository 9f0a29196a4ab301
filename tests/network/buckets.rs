//! A bucket as an inbox, on a real S3 server where one is at hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Place;
use super::common::{pass_over, text};

/// An S3 server, ended with the test.
struct Server {
    script: PathBuf,
    folder: PathBuf,
    settings: Vec<(String, String)>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new(&self.script).args(["stop", text(&self.folder)]).output();
    }
}

impl Server {
    fn start(folder: &Path) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/peers/s3.sh");
        if !script.is_file() {
            pass_over("no S3 server is at hand");
            return None;
        }
        let out = Command::new(&script).args(["start", text(folder)]).output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        let settings: Vec<(String, String)> = said
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        if !out.status.success() || settings.is_empty() {
            pass_over("the S3 server does not start");
            return None;
        }
        Some(Self { script, folder: folder.into(), settings })
    }

    fn python(&self, code: &str, arguments: &[&str]) {
        let head = "import boto3, os, sys\nfrom botocore.config import Config\nc = boto3.client('s3', \
                    endpoint_url=os.environ['AWS_ENDPOINT_URL'], config=Config(s3={'addressing_style': 'path'}))\n";
        let out = Command::new("python3")
            .args(["-c", &format!("{head}{code}")])
            .args(arguments)
            .envs(self.settings.clone())
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    fn put(&self, key: &str, path: &Path) {
        let code = "c.put_object(Bucket='gantry', Key=sys.argv[1], Body=open(sys.argv[2], 'rb').read())";
        self.python(code, &[key, text(path)]);
    }

    fn run(&self, place: &Place, secret: Option<&str>) -> (i32, serde_json::Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gantry"));
        command
            .args(["--json", "--workspace", text(&place.root()), "run", "--once"])
            .envs(self.settings.clone());
        if let Some(secret) = secret {
            command.env("AWS_SECRET_ACCESS_KEY", secret);
        }
        let out = command.output().unwrap();
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        let last = said.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
        (out.status.code().unwrap(), last)
    }
}

#[test]
fn objects_are_read_once_in_each_version() {
    if !Command::new("python3").args(["-c", "import boto3"]).output().is_ok_and(|out| out.status.success()) {
        return pass_over("boto3 is not installed");
    }
    let place = Place::with("");
    let Some(server) = Server::start(&place.at("s3")) else { return };
    place.configure("[[inbox]]\nname = 'bucket'\npath = 's3://gantry/in coming/'\nsite = 'A'\n");
    let files = place.sources(4);
    for (at, file) in files.iter().enumerate() {
        server.put(&format!("in coming/\u{fc}+{at}/a b.dcm"), file);
    }
    server.put("elsewhere/x.dcm", &files[0]);
    let (code, first) = server.run(&place, None);
    assert_eq!((code, &first["received"], &first["deidentified"]), (0, &4.into(), &4.into()), "{first}");
    assert_eq!(server.run(&place, None).1["received"], 0, "nothing has changed");
    // Another version of one object is read, and no other.
    let mut bytes = fs::read(&files[0]).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(place.at("other.dcm"), bytes).unwrap();
    server.put("in coming/\u{fc}+0/a b.dcm", &place.at("other.dcm"));
    assert_eq!(server.run(&place, None).1["received"], 1);
    let (code, _) = server.run(&place, Some("wrong"));
    assert_eq!(code, 6, "a bucket that denies access is told");
    assert_eq!(place.stored().len(), 5);
}
