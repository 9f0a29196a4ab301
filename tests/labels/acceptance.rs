//! The acceptance check on a made tree, where it lies beside the checkout.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use crate::common;

#[test]
fn labels_of_other_tools_agree_with_an_independent_decoding() {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tools");
    let (make, check) = (tools.join("make/labels.py"), tools.join("check/labels.py"));
    if !make.is_file() || !check.is_file() {
        return common::skip("../shared/tools is not here");
    }
    let (Some(python), Some(_)) = (common::peer("python3"), common::peer("dciodvfy")) else { return };
    let packages = "import pydicom, numpy, nibabel, highdicom, nrrd, SimpleITK, matplotlib, scipy, rt_utils, pycocotools";
    let there = Command::new(&python).args(["-c", packages]).output().unwrap();
    if !there.status.success() {
        return common::skip("a package that the check needs is not installed");
    }
    let dir = tempfile::tempdir().unwrap();
    let tree = dir.path().join("tree");
    let made = Command::new(&python).arg(&make).arg(&tree).arg("23").output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let checked = Command::new(&python)
        .arg(&check)
        .arg(env!("CARGO_BIN_EXE_gantry"))
        .arg(&tree)
        .arg("--work")
        .arg(dir.path().join("work"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}{}", String::from_utf8_lossy(&checked.stderr));
    let _ = writeln!(std::io::stderr(), "{}", said.lines().last().unwrap_or_default());
}
