//! What `export` and `convert` write beside volumes when asked: names by pattern, gradients, the maker's precise scale.

use std::fs;
use std::path::{Path, PathBuf};

use gantry::dicom::{Element, Syntax, write};
use gantry::format::nifti::Nifti;
use gantry::model::{Tag, Vr};

use crate::common::files::{data_set, series};
use crate::{common, gantry, text};

/// Files of a folder and below whose names end like this, in order.
fn below(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(below(&path, ending)),
            path if path.to_string_lossy().ends_with(ending) => found.push(path),
            _ => {}
        }
    }
    found.sort();
    found
}

/// Slices of an MR series of Philips whose precise scale is another than the one for display.
fn philips(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for slice in series(4) {
        let mut set = data_set(&slice);
        set.put_str(Tag(0x0008_0016), Vr::UI, "1.2.840.10008.5.1.4.1.1.4");
        set.put_str(Tag(0x0008_0060), Vr::CS, "MR");
        set.put_str(Tag(0x0008_0070), Vr::LO, "Philips Medical Systems");
        set.put_str(Tag(0x0028_1052), Vr::DS, "10");
        set.put_str(Tag(0x0028_1053), Vr::DS, "2");
        set.put_str(Tag(0x2005_0010), Vr::LO, "Philips MR Imaging DD 001");
        set.put(Element::new(Tag(0x2005_100E), Vr::FL, 0.25f32.to_le_bytes().to_vec()));
        fs::write(folder.join(format!("{}.dcm", slice.number)), write(&set, Syntax::EXPLICIT_LE).unwrap())
            .unwrap();
    }
}

#[test]
fn the_precise_scale_of_philips_is_written_where_it_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("in");
    philips(&source);
    let workspace = dir.path().join("w");
    assert_eq!(gantry(&["init", text(&workspace)]).0, 0);
    assert_eq!(gantry(&["--workspace", text(&workspace), "ingest", text(&source), "--site", "A"]).0, 0);
    let volume = |name: &str, arguments: &[&str]| {
        let out = dir.path().join(name);
        let to = format!("{}/", text(&out));
        let arguments: Vec<&str> =
            arguments.iter().map(|a| if *a == "OUT" { to.as_str() } else { a }).collect();
        let (exit, _, errors) = gantry(&arguments);
        assert_eq!(exit, 0, "{arguments:?} {errors}");
        let sidecar = fs::read_to_string(
            below(&out, ".json").into_iter().find(|p| !p.ends_with("manifest.json")).unwrap(),
        );
        (Nifti::read(&below(&out, ".nii.gz")[0]).unwrap().values().unwrap(), sidecar.unwrap())
    };
    let (source, workspace) = (text(&source), text(&workspace));
    let export = |more: &[&'static str]| -> Vec<&str> {
        [
            &[
                "--workspace",
                workspace,
                "export",
                "--query",
                "modality:MR",
                "--format",
                "nifti,json",
                "--to",
                "OUT",
            ],
            more,
        ]
        .concat()
    };
    let display = volume("a", &["convert", source, "OUT"]);
    let precise = volume("b", &["convert", source, "OUT", "--precise"]);
    assert_eq!(volume("c", &export(&[])).0, display.0);
    assert_eq!(volume("d", &export(&["--precise"])).0, precise.0);
    // Stored value v: v × slope + intercept on the display, and that over slope × scale slope precisely.
    assert!(display.0.iter().any(|v| *v > 100.0));
    for (shown, exact) in display.0.iter().zip(&precise.0) {
        assert!((exact - shown / (2.0 * 0.25)).abs() <= 1e-3 * exact.abs().max(1.0), "{shown} {exact}");
    }
    assert_ne!(display.1, precise.1, "the sidecars say which");
}

#[test]
fn an_export_names_files_by_a_pattern_and_writes_gradients_beside_them() {
    let Some(shared) = common::shared() else { return };
    let source = shared.join("dicom/dicom2nifti/siemens/fmri_classic/001");
    let diffusion = shared.join("dicom/dicom2nifti/ge/dti/001");
    let dir = tempfile::tempdir().unwrap();
    let (workspace, out, plain) = (dir.path().join("w"), dir.path().join("out"), dir.path().join("plain"));
    let workspace = text(&workspace);
    assert_eq!(gantry(&["init", workspace]).0, 0);
    for folder in [&source, &diffusion] {
        assert_eq!(gantry(&["--workspace", workspace, "ingest", text(folder), "--site", "A"]).0, 0);
    }
    let pattern = "{subject}_{series}_{description}";
    let arguments =
        ["--workspace", workspace, "export", "--query", "modality:MR", "--format", "nifti,json", "--to"];
    let (exit, _, errors) = gantry(&[&arguments[..], &[text(&out), "--name", pattern]].concat());
    assert_eq!(exit, 0, "{errors}");
    let volumes = below(&out, ".nii.gz");
    assert!(volumes.len() >= 2, "{volumes:?}");
    for volume in &volumes {
        let name = volume.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.starts_with('S') && name.contains('_') && !name.contains("_."), "{name}");
        let original = ["1.2.840", "1.3.12", "1.3.6", "1.2.276"];
        assert!(!original.iter().any(|root| name.contains(root)), "{name}");
    }
    // The gradients are those of the sources: nothing in them identifies, and the axes are the image's.
    let to = format!("{}/", text(&plain));
    assert_eq!(gantry(&["convert", text(&diffusion), &to]).0, 0);
    for ending in [".bval", ".bvec"] {
        let (ours, direct) = (below(&out, ending), below(&plain, ending));
        assert_eq!((ours.len(), direct.len()), (1, 1), "{ending}");
        assert_eq!(fs::read(&ours[0]).unwrap(), fs::read(&direct[0]).unwrap(), "{ending}");
        let volume = ours[0].to_string_lossy().replace(ending, ".nii.gz");
        assert!(volumes.contains(&PathBuf::from(volume)), "beside its volume");
    }
}

#[test]
fn a_program_of_the_site_writes_in_a_folder_of_its_own_and_within_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let (source, workspace) = (dir.path().join("in"), dir.path().join("w"));
    philips(&source);
    assert_eq!(gantry(&["init", text(&workspace)]).0, 0);
    let config = workspace.join("gantry.toml");
    let programs = r#"
[export.command.mine]
run = ["/bin/sh", "-c", "cp $0/image.nii.gz $1/copy.nii.gz; mkdir $1/more; cp $0/series.json $1/more/; env > $1/env.txt; pwd > $1/pwd.txt; ln -s /etc/passwd $1/link", "{input}", "{output}"]
[export.command.slow]
run = ["/bin/sh", "-c", "touch $0/half; sleep 60 & sleep 60", "{output}"]
timeout_seconds = 1
[export.command.broken]
run = ["/bin/sh", "-c", "printf 'no \\033[31mlicence\\n' >&2; exit 3"]
"#;
    fs::write(&config, fs::read_to_string(&config).unwrap() + programs).unwrap();
    let workspace = text(&workspace);
    assert_eq!(gantry(&["--workspace", workspace, "ingest", text(&source), "--site", "A"]).0, 0);
    let export = |name: &str, format: &str| {
        let to = dir.path().join(name);
        let arguments = ["--workspace", workspace, "export", "--query", "modality:MR", "--format", format];
        let (exit, lines, errors) = gantry(&[&arguments[..], &["--to", text(&to), "--strict"]].concat());
        (to, exit, lines, errors)
    };
    let (to, exit, ..) = export("a", "command:mine,nifti");
    assert_eq!(exit, 0);
    let copies = below(&to.join("mine"), "copy.nii.gz");
    let volumes: Vec<PathBuf> =
        below(&to, ".nii.gz").into_iter().filter(|p| !p.starts_with(to.join("mine"))).collect();
    assert_eq!(fs::read(&copies[0]).unwrap(), fs::read(&volumes[0]).unwrap());
    assert_eq!(below(&to.join("mine"), "series.json").len(), 1);
    // What it sees of us is a search path, and a folder that is gone.
    let seen = fs::read_to_string(&below(&to, "env.txt")[0]).unwrap();
    let names: std::collections::BTreeSet<&str> =
        seen.lines().filter_map(|l| l.split_once('=')).map(|(n, _)| n).collect();
    let known = ["PATH", "LC_ALL", "HOME", "TMPDIR", "PWD", "_", "OLDPWD", "SHLVL"];
    assert!(names.iter().all(|n| known.contains(n)), "{seen}");
    let folder = fs::read_to_string(&below(&to, "pwd.txt")[0]).unwrap();
    assert!(!Path::new(folder.trim()).exists() && below(&to, "link").is_empty());
    let manifest = fs::read_to_string(to.join("manifest.json")).unwrap();
    assert!(manifest.contains("mine/") && manifest.contains("/bin/sh"), "{manifest}");
    // One that takes too long, or fails, writes nothing; both are named.
    let (to, exit, lines, _) = export("b", "nifti,command:slow,command:broken");
    assert_eq!(exit, 1, "{lines:?}");
    let left_out = lines.last().unwrap()["left_out"].to_string();
    assert!(left_out.contains("command:slow: its program took longer than 1 s"), "{left_out}");
    assert!(left_out.contains("exit status: 3: no \\\\x1b[31mlicence"), "{left_out}");
    assert!(!to.join("slow").exists() && !to.join(".parts").exists());
    let (_, exit, _, errors) = export("c", "command:other");
    assert!(exit == 2 && errors.contains("command:mine"), "{exit} {errors}");
}
