//! Inputs of the fuzz targets, and what they once found, without a fuzzer: `fuzz/corpus/TARGET`.

use std::{collections::BTreeSet, fs, path::Path};

use tcss_exporter::fuzz::TARGETS;

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(name)
}

/// The names in a folder, without what follows their first dot.
fn names(of: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder(of))
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    entries
        .map(|name| name.to_str().unwrap().split('.').next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_target_survives_its_corpus() {
    for (name, target) in TARGETS {
        let corpus = folder("corpus").join(name);
        let files: Vec<_> = fs::read_dir(corpus)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(files.len() >= 5, "{name} has a corpus");
        for file in files {
            let bytes = fs::read(&file).unwrap();
            let outcome = std::panic::catch_unwind(|| target(&bytes));
            assert!(outcome.is_ok(), "{}", file.display());
        }
    }
}

#[test]
fn every_target_is_built_and_has_a_corpus() {
    let targets = TARGETS.map(|(name, _)| name.to_owned());
    assert_eq!(names("fuzz_targets"), targets.iter().cloned().collect());
    let script = fs::read_to_string(folder("../tests/fuzz")).unwrap();
    assert!(
        script.contains(&format!("targets=({})\n", targets.join(" "))),
        "tests/fuzz runs all of them"
    );
    assert_eq!(names("corpus"), targets.iter().cloned().collect());
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    let bins: Vec<_> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = "))
        .collect();
    assert_eq!(
        bins,
        targets.map(|name| format!("\"fuzz_targets/{name}.rs\""))
    );
    let script = fs::read_to_string(folder("../tests/fuzz")).unwrap();
    let all = TARGETS.map(|(name, _)| name).join(" ");
    assert!(
        script.contains(&format!("targets=({all})\n")),
        "tests/fuzz runs all of them"
    );
}
