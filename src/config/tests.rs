//! Files in, configuration or problems out.

use std::{fs, path::Path, process::Command};

use jiff::tz::{TimeZone, offset};
use tempfile::TempDir;

use super::*;
use crate::{collectors, credentials::EnvVariables, yaml::YamlFile};

mod credentials;
mod discovery;
mod docs;
mod docs_credentials;
mod warnings;

/// A directory with these files; the first one is the configuration file.
fn directory(files: &[(&str, &[u8])]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    directory
}

pub(super) fn load_files(files: &[(&str, &[u8])], overrides: &Overrides) -> Result<Loaded, String> {
    let directory = directory(files);
    load(Some(&directory.path().join(files[0].0)), overrides).map_err(|problems| {
        problems
            .to_string()
            .replace(&format!("{}/", directory.path().display()), "")
    })
}

pub(super) fn load_text(yaml: &str) -> Result<Loaded, String> {
    load_files(&[("c.yml", yaml.as_bytes())], &Overrides::default())
}

fn accounts(yaml: &str) -> Vec<Account> {
    load_text(yaml).unwrap().config.accounts
}

/// Each line of the problems, without the name of the file.
#[track_caller]
pub(super) fn check(yaml: &str, expected: &[&str]) {
    let problems = load_text(yaml).expect_err(yaml);
    let lines: Vec<&str> = problems
        .lines()
        .map(|line| line.trim_start_matches("c.yml:"))
        .collect();
    assert_eq!(lines, expected, "{yaml}");
}

fn default_account(name: &str) -> Account {
    Account {
        name: AccountName::parse(name).unwrap(),
        credentials: Source::default(),
        endpoint: Endpoint::parse("tcss.tencentcloudapi.com", false).unwrap(),
        region: None,
        language: Language::English,
        requests_per_second: Rate::DEFAULT,
        time_zone: TimeZone::fixed(offset(8)),
        info: AccountInfo::default(),
        uin_lookup: None,
        scans: vec![Scan {
            name: ScanName::parse("latest").unwrap(),
            local_task_id: None,
            registry_task_id: None,
        }],
        collectors: vec![CollectorConfig {
            collector: &collectors::ALL[0],
            poll: Poll {
                interval: Duration::from_mins(1),
                scanning_interval: Duration::from_secs(10),
                timeout: Duration::from_secs(10),
                stale_after: Duration::from_mins(5),
            },
            limit: 0,
        }],
    }
}

#[test]
fn without_accounts_there_is_one() {
    let none = load(None, &Overrides::default()).unwrap();
    assert_eq!(none.config.accounts, [default_account("default")]);
    for empty in [
        "# nothing\n",
        "---\n",
        "{}\n",
        "poll:\napi:\ncredentials:\n",
    ] {
        assert_eq!(accounts(empty), [default_account("default")], "{empty:?}");
    }
}

#[test]
fn an_empty_list_of_accounts_is_refused() {
    for empty in [
        "accounts:\n",
        "accounts: []\n",
        "account_files: []\naccounts: []\n",
    ] {
        let message =
            "c.yml:1: accounts is empty; add an account, or remove the key to poll a single one";
        let files: [(&str, &[u8]); 1] = [("c.yml", empty.as_bytes())];
        assert_eq!(
            load_files(&files, &Overrides::default()).unwrap_err(),
            message,
            "{empty:?}"
        );
    }
}

#[test]
fn an_account_has_its_own_values_or_those_for_all() {
    let accounts = accounts(
        "
poll: {interval: 2m, timeout: 5s}
api: {region: ap-guangzhou, language: zh-CN, requests_per_second: 20, time_zone: UTC}
credentials: {env: {secret_id: A_ID, secret_key: A_KEY}}
accounts:
  - name: 007
  - name: prod
    interval: 1h
    stale_after: 3h
    endpoint: tcss.example:8443
    time_zone: Asia/Shanghai
    language: en-US
    credentials: {env: {token: T}}
    scans:
      - {name: latest}
      - {name: nightly, local_task_id: 42, registry_task_id: 18548}
",
    );
    let [first, second] = &accounts[..] else {
        panic!("{accounts:?}")
    };
    let variables = |id: &str, key: &str, token: &[&str]| {
        let token = token.iter().map(|&name| name.into()).collect();
        Source::Env(EnvVariables {
            secret_id: id.into(),
            secret_key: key.into(),
            token,
            // The standard role belongs to the standard keys.
            honours_role: id == "TENCENTCLOUD_SECRET_ID",
            ..EnvVariables::default()
        })
    };
    assert_eq!(first.name.as_str(), "007");
    assert_eq!(
        (
            first.collectors[0].poll.interval.as_secs(),
            first.collectors[0].poll.timeout.as_secs()
        ),
        (120, 5)
    );
    assert_eq!(
        first.region.as_ref().map(Region::as_str),
        Some("ap-guangzhou")
    );
    assert_eq!(
        (first.language, second.language),
        (Language::Chinese, Language::English)
    );
    assert_eq!(first.requests_per_second.per_second(), 20);
    assert_eq!(first.time_zone, TimeZone::UTC);
    assert_eq!(
        first.credentials,
        variables("A_ID", "A_KEY", &[]),
        "the standard token belongs to other keys"
    );

    assert_eq!(
        (
            second.collectors[0].poll.interval.as_secs(),
            second.collectors[0].poll.timeout.as_secs()
        ),
        (3600, 5)
    );
    assert_eq!(second.endpoint.to_string(), "https://tcss.example:8443");
    assert_eq!(second.time_zone, TimeZone::get("Asia/Shanghai").unwrap());
    assert_eq!(
        second.credentials,
        variables("TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", &["T"])
    );
    assert_eq!(second.scans.len(), 2);
    assert_eq!(second.scans[1].registry_task_id.map(u64::from), Some(18548));
}

#[test]
fn uins_are_looked_up_only_where_it_is_wanted_and_the_uin_is_not_known() {
    let lookups = |top: &str| {
        let text = format!(
            "{top}accounts:\n- name: a\n- {{name: b, uin: 7}}\n- {{name: c, credentials: {{assume_role: \
             {{role_arn: 'qcs::cam::uin/8:roleName/x'}}}}}}\n"
        );
        let mut lookups = Vec::new();
        for account in accounts(&text) {
            lookups.push(
                account
                    .uin_lookup
                    .map(|sts| format!("{} {}", sts.endpoint.host(), sts.region.as_str())),
            );
        }
        lookups
    };
    let default = Some("sts.tencentcloudapi.com ap-guangzhou".to_owned());
    assert_eq!(lookups(""), [None, None, None]);
    assert_eq!(lookups("uin_lookup: {}\n"), [default.clone(), None, None]);
    assert_eq!(lookups("uin_lookup:\n"), [default, None, None]);
    let own = "sts.intl.tencentcloudapi.com ap-singapore".to_owned();
    let keys = "uin_lookup: {endpoint: sts.intl.tencentcloudapi.com, region: ap-singapore}\n";
    assert_eq!(lookups(keys), [Some(own), None, None]);
}

#[test]
fn anchors_and_merge_keys_work() {
    let accounts = accounts("accounts:\n- &a {name: a, timeout: 3s}\n- {<<: *a, name: b}\n");
    assert_eq!(accounts[1].name.as_str(), "b");
    assert_eq!(
        accounts[1].collectors[0].poll.timeout,
        Duration::from_secs(3)
    );
}

#[test]
fn the_default_scanning_interval_is_cut_to_a_shorter_interval() {
    assert_eq!(
        accounts("poll: {interval: 3s}")[0].collectors[0]
            .poll
            .scanning_interval,
        Duration::from_secs(3)
    );
}

#[test]
fn a_flag_replaces_the_value_of_the_file_but_not_that_of_an_account() {
    let overrides = Overrides::default().with("poll", "timeout", Some("7s"));
    let yaml = b"poll: {timeout: 1s}\naccounts:\n- {name: a}\n- {name: b, timeout: 2s}\n";
    let accounts = load_files(&[("c.yml", yaml)], &overrides)
        .unwrap()
        .config
        .accounts;
    assert_eq!(
        accounts[0].collectors[0].poll.timeout,
        Duration::from_secs(7)
    );
    assert_eq!(
        accounts[1].collectors[0].poll.timeout,
        Duration::from_secs(2)
    );
}

#[test]
fn a_problem_of_a_flag_names_the_flag() {
    let overrides = Overrides::default()
        .with("api", "time_zone", Some("Mars"))
        .with("api", "endpoint", Some("http://10.0.0.1"))
        .with("poll", "interval", Some("10m"))
        .with("poll", "timeout", Some("1ms"));
    assert_eq!(
        load(None, &overrides).unwrap_err().to_string(),
        "--api.endpoint: \"http://10.0.0.1\" is plain http to another machine; use https, or set api.allow_http to true in the configuration file\n\
         --api.time-zone: \"Mars\" is not a valid time zone, expected for example +08:00, UTC or Asia/Shanghai\n\
         --poll.timeout: 1ms is too short, must be at least 100ms"
    );
    let overrides = Overrides::default()
        .with("poll", "interval", Some("10m"))
        .with("poll", "stale_after", Some("5m"));
    let problem = load(None, &overrides).unwrap_err().to_string();
    assert!(
        problem.starts_with("--poll.stale-after: the stale_after of 5m"),
        "{problem}"
    );
}

#[test]
fn every_problem_is_reported_at_once() {
    let expected = [
        "2: poll.interval: 60 has no unit, expected for example 60s, 5m or 1h",
        "3: poll.scanning-interval: unknown key, did you mean scanning_interval?",
        "4: poll.timeout: 10m is too long, must be at most 5m",
        "6: api.language: \"zh\" is not a valid language, expected en-US or zh-CN",
        "7: api.requests_per_second: 21 exceeds the API's limit of 20, expected 1 to 20",
        "8: api.time_zone: \"Mars\" is not a valid time zone, expected for example +08:00, UTC or Asia/Shanghai",
        "9: api.allow_http: is text, expected true or false without quotes",
        "10: interval: unknown key, it belongs in poll",
        "11: credentials: has env and static, expected one kind",
        "13: accounts[0]: has no name; add one, for example name: prod",
        "13: accounts[0].endpoint: is a list, expected text",
        "15: accounts[1].region: \"ap guangzhou\" is not a valid region, expected for example ap-guangzhou",
        "16: accounts[1].scans[0].local_task_id: 0 is not a valid task ID; remove the key to poll the latest scan",
        "17: accounts[1].scans[1].registry_task_id: is text, write 5 without quotes",
        "18: accounts[2].name: \"prod\" is already used at c.yml:14, account names must be unique",
        "18: accounts[2].timeout: \"soon\" is not a valid duration (expected number at 0), expected for example 30s, 5m or 1h",
        "19: accounts[3]: is text, expected a map",
    ];
    check(
        "\
poll:
  interval: 60
  scanning-interval: 5s
  timeout: 10m
api:
  language: zh
  requests_per_second: 21
  time_zone: Mars
  allow_http: 'yes'
interval: 1m
credentials: {env: {}, static: {secret_id: Canary}}
accounts:
  - endpoint: [a]
  - name: prod
    region: ap guangzhou
    scans: [{name: a, local_task_id: 0},
      {name: b, registry_task_id: '5'}]
  - {name: prod, timeout: soon}
  - staging
",
        &expected,
    );
}

#[test]
fn invalid_yaml_is_reported_with_its_line() {
    check(
        "poll: {",
        &["1: is not valid YAML: unclosed bracket '{' (column 7)"],
    );
    check(
        "a: 1\n---\nb: 2\n",
        &["3: a second document starts here, expected one document per file"],
    );
    check("- a\n", &["1: is a list, expected a map"]);
    check("hello\n", &["1: is text, expected a map"]);
    check("[poll]: 1\n", &["1: has a key that is not a plain word"]);
}

#[test]
fn a_key_given_twice_is_a_problem() {
    check(
        "poll: {interval: 1m}\napi:\npoll: {timeout: 1s,\n  timeout: 2s}\n",
        &["3: poll: is given twice, first on line 1"],
    );
}

#[test]
fn intervals_and_timeouts_must_be_consistent() {
    check(
        "poll: {interval: 0s}",
        &["1: poll.interval: 0s is too short, must be at least 1s"],
    );
    check(
        "poll: {interval: 25h}",
        &["1: poll.interval: 1d 1h is too long, must be at most 1d"],
    );
    check(
        "poll: {interval: 5s, scanning_interval: 6s}",
        &[
            "1: poll.scanning_interval: the scanning_interval of 6s is longer than the interval of 5s",
        ],
    );
    check(
        "poll: {scanning_interval: 10s}\naccounts: [{name: a,\n  interval: 5s}, {name: b}]",
        &[
            "3: accounts[0].interval: the scanning_interval of 10s is longer than the interval of 5s",
        ],
    );
    check(
        "poll: {stale_after: 69s}\naccounts: [{name: a}, {name: b}]",
        &[
            "1: poll.stale_after: the stale_after of 1m 9s is shorter than the interval of 1m plus the timeout of 10s, \
           so data would vanish between two successful polls; set stale_after to at least 1m 10s",
        ],
    );
}

#[test]
fn the_default_of_stale_after_is_raised_for_a_longer_interval() {
    let stale_after = |interval: u64| {
        let interval = Some(format!("{interval}s"));
        let overrides = Overrides::default().with("poll", "interval", interval);
        load(None, &overrides).unwrap().config.accounts[0].collectors[0]
            .poll
            .stale_after
    };
    assert_eq!(stale_after(290), Duration::from_mins(5));
    assert_eq!(stale_after(291), Duration::from_secs(2 * 291 + 10));
}

#[test]
fn two_scans_of_an_account_differ_in_name_and_tasks() {
    check(
        "accounts:\n- name: a\n  scans:\n  - {name: x}\n  - {name: x, local_task_id: 1}\n  - {name: y}\n",
        &[
            "5: accounts[0].scans[1].name: \"x\" is already used at c.yml:4, \
             scan names of an account must be unique",
            "6: accounts[0].scans[2]: has the same task IDs as accounts[0].scans[0], remove one of them",
        ],
    );
}

#[test]
fn plain_http_is_refused_per_account() {
    let yaml = "api: {endpoint: 'http://10.0.0.1'}\naccounts: [{name: a, allow_http: true}, {name: b}, {name: c}]";
    check(
        yaml,
        &[
            "1: api.endpoint: \"http://10.0.0.1\" is plain http to another machine; \
           use https, or set api.allow_http to true in the configuration file",
        ],
    );
}

#[test]
fn account_files_are_read_in_order_and_once() {
    let files: [(&str, &[u8]); 5] = [
        (
            "c.yml",
            b"account_files: [teams/b*.yml, 'teams/*.yml']\naccounts: [{name: own}]",
        ),
        ("teams/a.yml", b"- name: a\n"),
        ("teams/b.yml", b"- name: b1\n- name: b2\n"),
        ("teams/.hidden.yml", b"nonsense"),
        ("teams/empty.yml", b"# none yet\n"),
    ];
    let loaded = load_files(&files, &Overrides::default()).unwrap();
    let names: Vec<&str> = loaded
        .config
        .accounts
        .iter()
        .map(|account| account.name.as_str())
        .collect();
    assert_eq!(names, ["own", "b1", "b2", "a"]);
    let read: Vec<_> = loaded
        .files
        .iter()
        .filter_map(|file| file.file_name()?.to_str())
        .collect();
    assert_eq!(read, ["c.yml", "b.yml", "a.yml", "empty.yml"]);
}

/// A full disk, or a copy that has just started, leaves a file empty. A reload must not drop its accounts then.
#[test]
fn an_empty_file_is_refused() {
    let message = "is empty; if this is intended, write a comment into it";
    for blank in ["", "\n", " \r\n\t\n"] {
        check(blank, &[&format!(" {message}")]);
        let files: [(&str, &[u8]); 2] = [
            ("c.yml", b"account_files: [a.yml]\naccounts: [{name: x}]"),
            ("a.yml", blank.as_bytes()),
        ];
        let problems = load_files(&files, &Overrides::default()).unwrap_err();
        assert_eq!(problems, format!("a.yml: {message}"), "{blank:?}");
    }
}

#[test]
fn problems_of_account_files_name_the_file() {
    let files: [(&str, &[u8]); 6] = [
        (
            "c.yml",
            b"account_files:\n- a/*.yml\n- b/*.yml\n- '[x'\naccounts: [{name: x}]",
        ),
        ("a/1.yml", b"- name: y\n- name: x\n"),
        ("a/2.yml", b"accounts: []\n"),
        ("a/3.yml", b"- name: z\n  ports: 1\n"),
        ("a/4.yml", b"- name: \xff\n"),
        ("a/5.yml/x", b""),
    ];
    assert_eq!(
        load_files(&files, &Overrides::default()).unwrap_err(),
        "\
c.yml:3: account_files[1]: \"b/*.yml\" matches no file; patterns are relative to the configuration file
c.yml:4: account_files[2]: \"[x\" is not a valid pattern (invalid range pattern), expected for example accounts.d/*.yml
a/1.yml:2: [1].name: \"x\" is already used at c.yml:5, account names must be unique
a/2.yml:1: is a map, expected a list
a/3.yml:2: [0].ports: unknown key, known keys: name, credentials, collectors, uin, labels, scans, endpoint, region, language, requests_per_second, \
time_zone, allow_http, interval, scanning_interval, timeout, stale_after
a/4.yml:1: is not valid UTF-8
a/5.yml: is a directory, expected a file"
    );
}

#[test]
fn a_matched_fifo_is_reported_and_does_not_block() {
    let directory = directory(&[
        ("c.yml", b"account_files: [a/*]\n"),
        ("a/1.yml", b"- name: x\n"),
    ]);
    let fifo = directory.path().join("a/2.yml");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let problem = load(Some(&directory.path().join("c.yml")), &Overrides::default())
        .unwrap_err()
        .to_string();
    let expected = "is not a regular file; move it, or change the pattern that matches it";
    assert_eq!(problem, format!("{}: {expected}", fifo.display()));
}

#[test]
fn account_files_without_an_account_are_a_problem() {
    let files: [(&str, &[u8]); 2] = [
        ("c.yml", b"account_files: [a.yml]\n"),
        ("a.yml", b"# none yet\n"),
    ];
    assert_eq!(
        load_files(&files, &Overrides::default()).unwrap_err(),
        "c.yml:1: account_files[0]: no file contains an account; add one, or remove account_files"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let problem = |path: &Path| {
        load(Some(path), &Overrides::default())
            .unwrap_err()
            .to_string()
    };
    let directory = directory(&[("big.yml", &vec![b'#'; (10 << 20) + 1])]);
    let path = directory.path();
    assert_eq!(
        problem(path),
        format!("{}: is a directory, expected a file", path.display())
    );
    let missing = path.join("missing.yml");
    assert!(problem(&missing).starts_with(&format!(
        "{}: cannot be read: No such file",
        missing.display()
    )));
    assert!(
        problem(&path.join("big.yml"))
            .ends_with("is larger than 10 MiB; split it into several files")
    );
}

#[test]
fn ten_thousand_accounts_load() {
    let list: Vec<String> = (0..10_000).map(|n| format!("- name: a{n}")).collect();
    assert_eq!(
        accounts(&format!("accounts:\n{}\n", list.join("\n"))).len(),
        10_000
    );
}

const GOOD: &str = "\
poll: {interval: 1m, timeout: 10s}
api:
  endpoint: tcss.tencentcloudapi.com
  time_zone: \"+08:00\"
credentials:
  env: {secret_id: Canary7Id, secret_key: Canary7Key}
accounts:
  - name: prod
    scans:
      - {name: nightly, local_task_id: 42}
";

#[test]
fn a_damaged_file_never_causes_a_panic_or_shows_credentials() {
    assert!(load_text(GOOD).is_ok());
    let document = |text: &str| {
        let mut problems = Vec::new();
        match YamlFile::parse(Path::new("f"), 0, text.into()) {
            Ok(document) => {
                let raw = raw::RawConfig::read(document.value(), &mut problems);
                check::config(&raw, &raw::Settings::default(), &mut problems);
                problems.iter().map(ToString::to_string).collect()
            }
            Err(problem) => problem.to_string(),
        }
    };
    let damages: [fn(&str, &str) -> String; 4] = [
        |before, after| format!("{before}{}", &after[1..]),
        |before, after| format!("{before}{}{after}", &after[..1]),
        |before, _| before.to_owned(),
        |_, after| format!("{GOOD}{after}"),
    ];
    for at in 0..GOOD.len() {
        let (before, after) = GOOD.split_at(at);
        let garbled = "\"'{}[]:,-#&*!|>%@`\t\n \u{0}\u{e9}?"
            .chars()
            .map(|char| format!("{before}{char}{}", &after[1..]));
        for text in damages
            .iter()
            .map(|damage| damage(before, after))
            .chain(garbled)
        {
            let problems: String = document(&text);
            assert!(!problems.contains("anary"), "{text}\n{problems}");
        }
    }
}

fn switched_on(account: &Account) -> Vec<(&'static str, u64, u64, usize)> {
    let settings = account.collectors.iter().map(|config| {
        let CollectorConfig {
            collector,
            poll,
            limit,
        } = config;
        let seconds = (poll.interval.as_secs(), poll.stale_after.as_secs());
        (collector.name, seconds.0, seconds.1, *limit)
    });
    settings.collect()
}

#[test]
fn collectors_are_switched_on_for_all_accounts_or_for_one() {
    let accounts = accounts(
        "
poll: {interval: 2m, stale_after: 6m}
collectors:
  licence: {interval: 30m}
  vul_scan:
  risk_images: {limit: 50, stale_after: 1h}
accounts:
  - {name: a}
  - {name: b, interval: 1m, collectors: {summary: {interval: 10s}, vul_scan: {interval: 20m}}}
",
    );
    assert_eq!(
        switched_on(&accounts[0]),
        [
            ("vul_scan", 120, 360, 0),
            ("licence", 1_800, 3_610, 0),
            ("risk_images", 300, 3_600, 50),
        ]
    );
    assert_eq!(
        switched_on(&accounts[1]),
        [("vul_scan", 1_200, 2_410, 0), ("summary", 10, 360, 0)]
    );
}

#[test]
fn a_collector_that_does_not_exist_or_fit_is_a_problem() {
    check(
        "collectors: {}\n",
        &[
            "1: collectors: switches everything off, expected for example collectors: {vul_scan: {}}",
        ],
    );
    check(
        "collectors: {license: {}, summary: {interval: 5, limit: 3}, risk_images: {limit: 101}}\n",
        &[
            "1: collectors.license: unknown key, did you mean licence?",
            "1: collectors.risk_images.limit: is 101, expected 1 to 100",
            "1: collectors.summary.interval: 5 has no unit, expected for example 5s, 5m or 1h",
            "1: collectors.summary.limit: unknown key, known keys: interval, stale_after",
        ],
    );
    check(
        "poll: {timeout: 20s}
collectors: {licence: {stale_after: 1h}}
accounts: [{name: a}, {name: b}]
",
        &[
            "2: collectors.licence.stale_after: the stale_after of 1h is shorter than the interval of 1h plus the \
             timeout of 20s, so data would vanish between two successful polls; set stale_after to at least 1h 20s",
        ],
    );
}
