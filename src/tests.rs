//! The structure of the crate: what its modules may use, and how its types are named.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Types that share their name with another because they are the same idea.
const SHARED_NAMES: [&str; 0] = [];

fn source_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The files of the crate without its tests, by their path in `src`.
fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut directories = vec![source_directory()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            let name = path
                .strip_prefix(source_directory())
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            let is_test = name.contains("tests") || name.contains("fixtures") || name == "fuzz.rs";
            let is_rust = path.extension().is_some_and(|extension| extension == "rs");
            if is_rust && !is_test {
                files.insert(name, without_tests(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(files.len() > 50, "the files were not found");
    files
}

/// The code above the test module, without comments.
fn without_tests(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    let mut code = String::new();
    for line in text[..end].lines() {
        code.push_str(line.split("//").next().unwrap_or_default());
        code.push('\n');
    }
    code
}

/// The modules in the order of the map in `lib.rs`.
fn map() -> Vec<String> {
    let text = fs::read_to_string(source_directory().join("lib.rs")).unwrap();
    let mut modules = Vec::new();
    for line in text.lines() {
        let Some(row) = line.strip_prefix("//! | ") else {
            continue;
        };
        let name = row.split(" |").next().unwrap();
        let name = name.trim_matches(['[', ']', '`']);
        if name != "module" {
            modules.push(name.to_owned());
        }
    }
    modules
}

/// The modules of the crate that `code` names: `crate::a::b` and `crate::{a::b, c}`.
fn used_modules(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            used.insert(leading_word(rest));
            continue;
        };
        let mut depth = 0;
        let mut is_start = true;
        for (index, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => is_start = true,
                c if is_start && c.is_alphabetic() => {
                    used.insert(leading_word(&group[index..]));
                    is_start = false;
                }
                _ => {}
            }
        }
    }
    used
}

fn leading_word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

#[test]
fn the_modules_that_a_file_uses_are_found() {
    let code = "use crate::{\n    a::{self, B},\n    c,\n};\nuse crate::d::E;\nf(crate::g::h());";
    let used: Vec<String> = used_modules(code).into_iter().collect();
    assert_eq!(used, ["a", "c", "d", "g"]);
}

#[test]
fn every_module_uses_only_those_below_it_in_the_map() {
    let map = map();
    let position = |module: &str| {
        let position = map.iter().position(|name| name == module);
        position.unwrap_or_else(|| panic!("{module} is not in the map of lib.rs"))
    };
    for (file, code) in files() {
        let module = file.split(['/', '.']).next().unwrap();
        if ["lib", "main"].contains(&module) {
            continue;
        }
        for used in used_modules(&code) {
            if used == module {
                continue;
            }
            let is_below = position(&used) > position(module);
            assert!(
                is_below,
                "src/{file} uses crate::{used}, which is not below {module}"
            );
            // It simulates an external service, so it must not share the exporter's own reading of the API.
            let is_allowed = ["signer", "listener", "yaml", "domain", "build_info"];
            if module == "simulator" {
                assert!(
                    is_allowed.contains(&used.as_str()),
                    "src/{file} uses crate::{used}"
                );
            }
        }
    }
}

#[test]
fn no_two_types_share_a_name() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, code) in files() {
        for line in code.lines() {
            // Associated types and local ones are indented and have their own scope.
            let declaration = line
                .trim_start_matches("pub ")
                .trim_start_matches("pub(crate) ");
            let declaration = match declaration.strip_prefix("pub(") {
                Some(rest) => rest.split_once(") ").map_or("", |(_, rest)| rest),
                None => declaration,
            };
            for keyword in ["struct ", "enum ", "trait ", "type ", "union "] {
                if let Some(rest) = declaration.strip_prefix(keyword) {
                    places
                        .entry(leading_word(rest))
                        .or_default()
                        .push(file.clone());
                }
            }
        }
    }
    assert!(places.len() > 150, "the types were not found");
    places.retain(|name, places| places.len() > 1 && !SHARED_NAMES.contains(&name.as_str()));
    assert!(
        places.is_empty(),
        "each of these names is used by several types: {places:#?}"
    );
}

#[test]
fn only_the_exposition_knows_the_text_format() {
    for (file, code) in files() {
        let is_exposition = file.starts_with("exposition/");
        for syntax in ["=\\\"{", "# HELP", "# TYPE", "split('\"')"] {
            assert!(
                is_exposition || !code.contains(syntax),
                "src/{file} contains {syntax}"
            );
        }
    }
}
