//! What maps report of their keys.

use std::path::Path;

use super::*;

fn file(text: &str) -> YamlFile {
    YamlFile::parse(Path::new("f.yml"), 0, text.into()).unwrap()
}

fn texts(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_key_that_was_not_asked_for_is_unknown_and_one_given_twice_is_a_problem() {
    let file = file("a: 1\nb: 2\nc: {d: 3}\na: 4\nfar: 5\n[x]: 6\n");
    let mut problems = Vec::new();
    let map = file.value().as_map(&mut problems).unwrap();
    assert!(map.has("a") && map.at("none").is_none());
    let section = map.section("c", &mut problems).unwrap();
    assert!(
        section
            .read("d", &mut problems, scalar::owned_text)
            .is_some()
    );
    let absent = map.section("absent", &mut problems).unwrap();
    assert!(absent.is_empty() && absent.at("far").is_none());
    assert_eq!(section.finish(&mut problems), ["d"]);
    let sections = [("absent", absent.finish(&mut problems))];
    assert_eq!(texts(&problems), [""; 0]);

    map.finish_with(&sections, &mut problems);
    assert_eq!(
        texts(&problems),
        [
            "f.yml:2: b: unknown key, did you mean a?",
            "f.yml:4: a: is given twice, first on line 1",
            "f.yml:5: far: unknown key, it belongs in absent",
            "f.yml:6: has a key that is not a plain word",
        ]
    );
}

#[test]
fn a_secret_map_shows_no_unknown_key_on_any_level() {
    let file = file("secret:\n  Canary7: 1\n  inner: {Canary7: 2}\n");
    let mut problems = Vec::new();
    let map = file.value().as_map(&mut problems).unwrap();
    let secret = map
        .at("secret")
        .unwrap()
        .as_secret_map(&mut problems)
        .unwrap();
    let inner = secret.section("inner", &mut problems).unwrap();
    inner.finish(&mut problems);
    secret.finish(&mut problems);
    assert_eq!(
        texts(&problems),
        [
            "f.yml:3: secret.inner: unknown key, known keys: ",
            "f.yml:2: secret: unknown key, known keys: inner",
        ]
    );
}

#[test]
fn a_flag_is_read_like_the_key_of_a_file() {
    let flags = [
        ("poll", "stale_after", "soon".to_owned()),
        ("api", "rate", "7".to_owned()),
        ("poll", "interval", "1m".to_owned()),
    ];
    let file = YamlFile::of_flags(&flags);
    let mut problems = Vec::new();
    let map = file.value().as_map(&mut problems).unwrap();
    let api = map.section("api", &mut problems).unwrap();
    let poll = map.section("poll", &mut problems).unwrap();
    let rate = api.read("rate", &mut problems, scalar::integer).unwrap();
    assert_eq!(rate.value, Some(7));
    let interval = poll.read("interval", &mut problems, scalar::duration);
    assert_eq!(interval.unwrap().value.unwrap().as_secs(), 60);
    poll.read("stale_after", &mut problems, scalar::duration);
    let problem = "--poll.stale-after: \"soon\" is not a valid duration (expected number at 0), \
                   expected for example 30s, 5m or 1h";
    assert_eq!(texts(&problems), [problem]);
}
