//! What fuzzing feeds with arbitrary bytes: everything that reads what a stranger, a gateway or a mistake can send. Each
//! checks the laws of what it reads, and panics where one is broken.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, header};
use jiff::{Timestamp, tz::TimeZone};

use crate::{
    client,
    collectors::{self, Labels, Reading, Samples},
    config,
    credentials::Profile,
    web,
};

/// Takes any bytes.
pub type Target = fn(&[u8]);

/// Every one, by the name of its folder in `fuzz/corpus`.
pub const TARGETS: [(&str, Target); 6] = [
    ("accept", accept),
    ("answer", answer),
    ("basic_auth", basic_auth),
    ("config", config),
    ("profile", profile),
    ("web_config", web_config),
];

/// The headers `Accept`, `Accept-Encoding` and `Accept-Language`: each line is the value of one header.
pub fn accept(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    let values = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| HeaderValue::from_bytes(line).ok());
    for value in values {
        headers.append(header::ACCEPT, value.clone());
        headers.append(header::ACCEPT_ENCODING, value.clone());
        headers.append(header::ACCEPT_LANGUAGE, value);
    }
    let all = (web::negotiate(&headers), web::negotiate_language(&headers));
    headers.insert(header::HOST, HeaderValue::from_static("exporter"));
    let again = (web::negotiate(&headers), web::negotiate_language(&headers));
    assert_eq!(again, all, "other headers say nothing");
}

/// The body of an answer of the API.
pub fn answer(bytes: &[u8]) {
    let Ok(response) = client::open(bytes) else {
        return;
    };
    for collector in &collectors::ALL {
        let responses = vec![vec![&*response]; collector.actions.len()];
        let reading = Reading {
            time_zone: &TimeZone::UTC,
            as_of: Timestamp::UNIX_EPOCH,
            limit: 100,
        };
        let parsed = collector.read(&responses, reading, None);
        let Ok(parsed) = parsed else { continue };
        for index in 0..collector.n_families() {
            let mut sink = |_: Labels<'_>, value: f64| assert!(value.is_finite() && value >= 0.0);
            collector.samples(&parsed.answer, index, &mut Samples::new(&mut sink));
        }
        let fields = collector.fields();
        assert!(parsed.unexpected.iter().all(|field| fields.contains(field)));
    }
}

/// The header `Authorization`.
pub fn basic_auth(bytes: &[u8]) {
    let Ok(header) = HeaderValue::from_bytes(bytes) else {
        return;
    };
    let Some((user, password)) = web::parse_basic_auth(&header) else {
        return;
    };
    assert!(!user.contains(&b':'), "no user has a colon");
    let again = STANDARD.encode([&user, &b":"[..], &password].concat());
    assert_eq!(again.as_bytes(), &bytes[6..], "each login has one form");
}

/// The configuration file.
pub fn config(bytes: &[u8]) {
    match config::fuzz::config(bytes) {
        Ok(config) => assert!(!config.accounts.is_empty()),
        Err(problems) => assert!(!problems.to_string().is_empty()),
    }
}

/// The file that the tools and SDKs of Tencent Cloud share. It may belong to another user: no message repeats it.
pub fn profile(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    match Profile::default().parse_any(text) {
        Ok(credentials) => assert!(!credentials.secret_id.is_empty()),
        Err(error) => {
            let message = error.to_string();
            let words = text
                .split(|c: char| !c.is_ascii_alphanumeric())
                .filter(|word| word.len() > 20);
            assert!(
                words.into_iter().all(|word| !message.contains(word)),
                "{message}"
            );
        }
    }
}

/// The web configuration file.
pub fn web_config(bytes: &[u8]) {
    if let Err(problems) = config::web::of_bytes(bytes) {
        assert!(!problems.to_string().is_empty());
    }
}

/// The corpus without a fuzzer: inputs of the targets, and what they once found.
#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::TARGETS;

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
}
