//! Commands and their errors for bad input: a clear line with the place and what is expected, and the exit code.

use std::process::{Command, Output};

use crate::support::{
    answer,
    process::{CANARY, Running, exporter, file, path, serving, simulating, simulator, until},
    raw::{Act, Raw, ok, refusing},
    sum,
};

fn run(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(
        !stdout.contains(CANARY) && !stderr.contains(CANARY),
        "prints a secret: {stdout}{stderr}"
    );
    (status.code().unwrap(), stdout, stderr)
}

fn refused(arguments: &[&str], expected: &[&str]) {
    let (code, stdout, stderr) = run(exporter().args(arguments));
    assert_eq!(code, 2, "{arguments:?}: {stdout}{stderr}");
    for line in expected {
        assert!(
            stderr.contains(line),
            "{arguments:?} does not say {line:?}:\n{stderr}"
        );
    }
}

#[test]
fn all_problems_of_a_file_are_reported_with_their_lines() {
    let config = file(&format!(
        "poll:\n  interval: 0s\n  timeout: 10\napi:\n  requests_per_second: 21\n  time_zone: Mars/Olympus\n  \
         colour: blue\naccounts:\n  - name: prod\n    scans: {{}}\n  - name: prod\n    secret_key: {CANARY}\n"
    ));
    let config = path(&config);
    let expected = [
        ":2: poll.interval",
        ":3: poll.timeout",
        ":5: api.requests_per_second",
        ":6: api.time_zone",
        ":7: api.colour",
        ":10: accounts[0].scans",
        ":11: accounts[1].name",
        ":12: accounts[1].secret_key",
    ];
    let expected = expected.map(|place| format!("{config}{place}: "));
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    for command in ["serve", "check", "scan"] {
        refused(&[command, "--config.file", config], &expected);
    }
    refused(&["--config.file", config], &expected);
}

#[test]
fn bad_usage_says_what_would_be_right() {
    refused(&["--poll.interval=0s"], &["--poll.interval", "1s"]);
    refused(&["--poll.interval=60"], &["--poll.interval", "60"]);
    refused(
        &["--api.time-zone=Nowhere/Town"],
        &["--api.time-zone", "Nowhere/Town"],
    );
    refused(
        &["--api.endpoint=http://10.0.0.1"],
        &["--api.endpoint", "https"],
    );
    refused(
        &["--web.listen-address=10058"],
        &["--web.listen-address", ":PORT"],
    );
    refused(
        &["--web.telemetry-path=metrics"],
        &["--web.telemetry-path", "/metrics"],
    );
    refused(&["--nonsense"], &["--nonsense"]);
    refused(
        &["--config.file=/nonexistent/tcss.yml"],
        &["/nonexistent/tcss.yml"],
    );
    refused(&["--config.file=/"], &["/: "]);
    refused(&["simulate", "--speed=0"], &["--speed"]);
    refused(
        &["simulate", "--scenario=/nonexistent.yml"],
        &["/nonexistent.yml"],
    );
}

#[test]
fn a_variable_does_not_affect_commands_without_its_flag_and_the_flag_takes_precedence() {
    let check = |arguments: &[&str]| {
        run(exporter()
            .arg("check")
            .args(arguments)
            .env("TCSS_EXPORTER_WEB_MAX_REQUESTS", "abc"))
        .0
    };
    assert_eq!(check(&[]), 0);
    let both = run(exporter()
        .args(["check", "--poll.interval=2m"])
        .env("TCSS_EXPORTER_POLL_INTERVAL", "abc"));
    assert_eq!(both.0, 0, "{both:?}");
    let variable = run(exporter()
        .arg("check")
        .env("TCSS_EXPORTER_POLL_INTERVAL", "abc"));
    assert_eq!(variable.0, 2);
    assert!(variable.2.contains("--poll.interval"), "{variable:?}");
}

#[test]
fn without_credentials_the_variables_are_named() {
    let config = file("credentials: {env: {}}");
    for (arguments, expected) in [
        (&["serve"][..], 2),
        (&["scan"], 1),
        (&["check", "--live"], 2),
    ] {
        let (code, stdout, stderr) = run(exporter()
            .args(arguments)
            .args(["--config.file", path(&config)])
            .env("TCSS_EXPORTER_WEB_LISTEN_ADDRESS", "127.0.0.1:0")
            .env_remove("TENCENTCLOUD_SECRET_ID")
            .env_remove("TENCENTCLOUD_SECRET_KEY"));
        assert_eq!(code, expected, "{arguments:?}");
        let said = stdout + &stderr;
        assert!(
            said.contains("TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY"),
            "{said}"
        );
    }
}

#[test]
fn a_port_in_use_is_a_run_time_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for command in ["serve", "demo"] {
        let (code, _, stderr) = run(exporter().args([command, "--web.listen-address", &address]));
        assert_eq!(code, 1);
        assert!(
            stderr.contains(&format!(
                "cannot listen on {address}: Address already in use"
            )),
            "{stderr}"
        );
    }
}

#[test]
fn help_version_and_manual_go_to_stdout() {
    for (argument, expected) in [
        ("--help", "--api.endpoint"),
        ("--version", env!("CARGO_PKG_VERSION")),
        ("man", ".TH tcss-exporter 1"),
    ] {
        let (code, stdout, stderr) = run(exporter().arg(argument));
        assert_eq!((code, stderr.as_str()), (0, ""));
        assert!(stdout.contains(expected), "{stdout}");
    }
}

#[test]
fn bash_completes_commands_and_flags() {
    let complete = |words: &str| {
        let script = r#"source <("$0" completions bash)
            read -ra COMP_WORDS <<<"$1"
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            registered=$(complete -p tcss-exporter)
            [[ $registered =~ -F\ ([^ ]+) ]]
            "${BASH_REMATCH[1]}" tcss-exporter "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
            echo "${COMPREPLY[@]}""#;
        let (code, stdout, stderr) = run(Command::new("bash").args([
            "-c",
            script,
            env!("CARGO_BIN_EXE_tcss-exporter"),
            words,
        ]));
        assert_eq!((code, stderr.as_str()), (0, ""), "{words}");
        stdout.trim().to_owned()
    };
    assert_eq!(complete("tcss-exporter che"), "check");
    assert_eq!(complete("tcss-exporter --web.l"), "--web.listen-address");
    assert_eq!(
        complete("tcss-exporter check --l"),
        "--live --log.level --log.format"
    );
    assert_eq!(complete("tcss-exporter scan --output j"), "json");
}

#[test]
fn a_reader_that_is_gone_is_not_a_failure() {
    for arguments in [
        &["man"][..],
        &["completions", "bash"],
        &["--help"],
        &["check"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = exporter().args(arguments).stdout(writer).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), stderr.as_str()),
            (Some(0), ""),
            "{arguments:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scan_prints_what_it_finds_in_three_forms_and_fails_when_any_account_does() {
    let good = Raw::start(Act::Send(ok(&answer("SCANNING", 33.5, 60.0, 7)))).await;
    let scan = |arguments: &'static [&'static str]| {
        let endpoint = format!("--api.endpoint={}", good.url());
        run(exporter().arg("scan").args(arguments).arg(endpoint))
    };
    let (code, table, _) = scan(&[]);
    assert_eq!(code, 0);
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(
        row[..4],
        ["default", "latest", "env", "TENCENTCLOUD_SECRET_ID"]
    );
    assert_eq!(row[4..], ["SCANNING", "34%", "7", "7/7", "yes"]);
    let (_, json, _) = scan(&["--output=json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let scan_object = &json[0];
    assert_eq!(scan_object["status"], "SCANNING");
    assert_eq!(scan_object["progress"], 0.335);
    assert_eq!(scan_object["risk_images"], 7);
    let both = serde_json::json!({"local": 7, "registry": 7});
    assert_eq!(scan_object["vulnerabilities"], both);
    assert_eq!(json[0]["up"], true);
    let (_, metrics, _) = scan(&["--output=metrics"]);
    assert!(
        metrics.contains("\ntcss_vul_scan_risk_images{account=\"default\",scan=\"latest\"} 7\n"),
        "{metrics}"
    );

    let silent = Raw::start(Act::Send(ok(b"<html>"))).await;
    let (code, table, _) =
        run(exporter().args(["scan", &format!("--api.endpoint={}", silent.url())]));
    assert_eq!(code, 1);
    assert!(table.contains("decode: "), "{table}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_proxy_leads_to_this_machine() {
    let good = Raw::start(Act::Send(ok(&answer("SCANNED", 100.0, 0.0, 1)))).await;
    let (_socket, refused) = refusing();
    let mut command = exporter();
    command.args(["scan", &format!("--api.endpoint={}", good.url())]);
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        command.env(name, format!("http://{refused}"));
    }
    let (code, stdout, stderr) = run(&mut command);
    assert_eq!(code, 0, "{stdout}{stderr}");
}

#[test]
fn the_simulator_says_how_to_use_it_and_two_variables_are_enough() {
    let (mut api, url) = simulator(&["--secret-id=AKIDme", "--secret-key=mine"]);
    let line = api.wait_for("how to use it", |said| {
        said.lines()
            .find_map(|line| line.strip_prefix("try: "))
            .map(str::to_owned)
    });
    assert_eq!(
        line,
        format!(
            "TENCENTCLOUD_SECRET_ID=AKIDme TENCENTCLOUD_SECRET_KEY=mine tcss-exporter --api.endpoint={url}"
        )
    );
    let mut command = exporter();
    command.args(["check", "--live", &format!("--api.endpoint={url}")]);
    command
        .env("TENCENTCLOUD_SECRET_ID", "AKIDme")
        .env("TENCENTCLOUD_SECRET_KEY", "mine");
    let (code, stdout, stderr) = run(&mut command);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(
        stdout.contains("configuration ok: 1 account, 1 scan") && stdout.ends_with("  ok\n"),
        "{stdout}"
    );
    let wrong_key = command.env("TENCENTCLOUD_SECRET_KEY", format!("{CANARY}-wrong"));
    let (code, stdout, _) = run(wrong_key);
    assert_eq!(code, 2);
    assert!(
        stdout.contains("auth: AuthFailure.SignatureFailure"),
        "{stdout}"
    );
}

#[test]
fn empty_variables_count_as_unset_and_errors_name_the_variable() {
    let mut empty = exporter();
    for name in [
        "CONFIG_FILE",
        "API_ENDPOINT",
        "POLL_INTERVAL",
        "SHARD",
        "WEB_CONFIG_FILE",
        "LIVE",
        "STRICT",
        "LOG_LEVEL",
        "LOG_FORMAT",
    ] {
        empty.env(format!("TCSS_EXPORTER_{name}"), "");
    }
    let (code, stdout, stderr) = run(empty.arg("check"));
    assert_eq!(code, 0, "{stdout}{stderr}");
    for (name, flag, value) in [
        ("TCSS_EXPORTER_POLL_INTERVAL", "--poll.interval", "abc"),
        ("TCSS_EXPORTER_POLL_INTERVAL", "--poll.interval", "0s"),
        ("TCSS_EXPORTER_API_TIME_ZONE", "--api.time-zone", "Nowhere"),
        ("TCSS_EXPORTER_LOG_LEVEL", "--log.level", "loud"),
        ("TCSS_EXPORTER_LIVE", "--live", "perhaps"),
    ] {
        let (code, _, stderr) = run(exporter().arg("check").env(name, value));
        assert_eq!(code, 2, "{stderr}");
        assert!(stderr.contains(&format!("{name} ({flag}")), "{stderr}");
    }
}

#[test]
fn check_warns_about_what_is_missing_here_and_strict_fails() {
    let config = file("credentials: {env: {secret_id: NO_SUCH_ID, secret_key: NO_SUCH_KEY}}");
    let check = |arguments: &[&str]| {
        run(exporter()
            .args(["check", "--config.file", path(&config)])
            .args(arguments)
            .env("SSL_CERT_FILE", "/nonexistent.pem"))
    };
    let (code, stdout, _) = check(&[]);
    assert_eq!(code, 0);
    for part in [
        "warning: account \"default\" has no credentials here",
        "NO_SUCH_ID and NO_SUCH_KEY",
        "warning: SSL_CERT_FILE: /nonexistent.pem cannot be read",
        "configuration ok",
    ] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
    let (code, _, stderr) = check(&["--strict"]);
    assert_eq!(code, 2, "{stderr}");
    assert_eq!(run(exporter().args(["check", "--strict"])).0, 0);
    // The credentials of a discovery, and keys in the file that only a discovery uses.
    for (credentials, expected) in [
        (
            "{env: {secret_id: NO_SUCH_ID, secret_key: NO_SUCH_KEY}}",
            "has no credentials here",
        ),
        (
            "{static: {secret_id: AKIDexample0000000, secret_key: key0example0000000}}",
            "the keys are in the configuration file",
        ),
    ] {
        let config = file(&format!(
            "credentials: {credentials}\ndiscovery: [{{organization: {{}}}}]"
        ));
        let (_, stdout, stderr) = run(exporter().args(["check", "--config.file", path(&config)]));
        let warning = "warning: discovery \"organization\"";
        let line = stdout.lines().find(|line| line.starts_with(warning));
        let line = line.unwrap_or_else(|| panic!("{stdout}{stderr}"));
        assert!(line.contains(expected), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_table_of_many_failing_accounts_has_no_log_lines_in_it() {
    let mut text = String::from("poll: {scanning_interval: 1m}\naccounts:\n");
    for n in 0..300 {
        let account = format!(
            "- {{name: a{n}, credentials: {{files: {{secret_id_file: /no, secret_key_file: /no}}}}}}\n"
        );
        text.push_str(&account);
    }
    let config = file(&text);
    for command in [&["scan"][..], &["check", "--live"]] {
        let mut exporter = exporter();
        exporter.env_remove("TCSS_EXPORTER_LOG_LEVEL");
        exporter
            .args(command)
            .args(["--config.file", path(&config)]);
        let (_, stdout, stderr) = run(&mut exporter);
        assert_eq!(stderr, "", "{command:?}");
        assert!(stdout.contains("a299 "), "{stdout}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_stops_commands_that_wait_and_a_hangup_does_not_stop_the_start() {
    let silent = Raw::start(Act::Silence).await;
    for command in [&["scan"][..], &["check", "--live"]] {
        let mut exporter = exporter();
        exporter.args(command);
        exporter.args([
            &format!("--api.endpoint={}", silent.url()),
            "--poll.timeout=1m",
        ]);
        let mut running = Running::start("one-shot", &mut exporter);
        // Handled, not the default action: as process 1, there is none.
        running.wait_until_handled("SigCgt", 15);
        running.signal("TERM");
        assert_eq!(running.wait().code(), Some(1));
        assert!(running.output().contains("stopped by a signal"));
    }
    let mut exporter = exporter();
    exporter.args([
        "--web.listen-address=127.0.0.1:0",
        &format!("--api.endpoint={}", silent.url()),
    ]);
    let mut running = Running::start("serve", &mut exporter);
    running.wait_until_handled("SigCgt", 1);
    running.signal("HUP");
    running.wait_for("where it listens", crate::support::process::listening);
}

#[test]
fn names_of_files_reach_the_terminal_without_control_characters() {
    let directory = tempfile::tempdir().unwrap();
    let name = directory.path().join("a\u{1b}[2J\u{202e}.yml");
    std::fs::write(&name, "accounts: 7\n").unwrap();
    let (code, _, stderr) = run(exporter().arg("check").arg("--config.file").arg(&name));
    assert_eq!(code, 2);
    assert!(stderr.contains("a\\u{1b}[2J\\u{202e}.yml:1"), "{stderr:?}");
}

#[test]
fn fish_completes_commands_and_flags() {
    let directory = tempfile::tempdir().unwrap();
    let (_, script, _) = run(exporter().args(["completions", "fish"]));
    std::fs::write(directory.path().join("tcss.fish"), script).unwrap();
    let fish = |line: &str| {
        let command = format!("source tcss.fish; complete -C '{line}'");
        run(Command::new("fish")
            .args(["--no-config", "-c", &command])
            .env("HOME", directory.path())
            .current_dir(directory.path()))
        .1
    };
    for (line, expected) in [
        ("tcss-exporter che", "check\t"),
        ("tcss-exporter --web.l", "--web.listen-address\t"),
        ("tcss-exporter check --l", "--live\t"),
        ("tcss-exporter check --poll.interval=5m --str", "--strict\t"),
        ("tcss-exporter scan --output j", "json"),
    ] {
        let completed = fish(line);
        assert!(
            completed.starts_with(expected) || completed.contains(&format!("\n{expected}")),
            "{line}: {completed}"
        );
    }
}

/// Types a line and Tab into an interactive shell in a pseudo-terminal, as a user does.
#[test]
fn bash_zsh_and_fish_complete_in_a_terminal() {
    let directory = tempfile::tempdir().unwrap();
    for (name, shell) in [
        ("tcss.bash", "bash"),
        ("_tcss-exporter", "zsh"),
        ("tcss.fish", "fish"),
    ] {
        let (_, script, _) = run(exporter().args(["completions", shell]));
        std::fs::write(directory.path().join(name), script).unwrap();
    }
    // zpty of zsh is the terminal. The prompt is empty, so that a line is shown as it is typed.
    let script = r#"zmodload zsh/zpty; zpty -e shell "$1"
        zpty -w shell "$2"; zpty -r -m shell out '*ready*'; out=
        zpty -w -n shell "$3"$'\t'
        repeat 100; do sleep 0.1; zpty -r -t shell piece && out+=$piece; [[ $out == *"$4"* ]] && break; done
        print -r -- "$out"; zpty -d shell"#;
    let shells = [
        (
            "bash --norc --noprofile -i",
            "PS1=; source tcss.bash; echo rea''dy",
        ),
        (
            "zsh -f -i",
            "PS1= ; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -d $PWD/dump; \
             zstyle ':completion:*' list-colors ''; echo rea''dy",
        ),
        (
            "fish --no-config -i",
            "function fish_prompt; end; source tcss.fish; echo rea''dy",
        ),
    ];
    for (shell, setup) in shells {
        for (line, expected) in [
            ("tcss-exporter che", "tcss-exporter check"),
            ("tcss-exporter --web.listen-a", "--web.listen-address"),
            ("tcss-exporter check --str", "check --strict"),
            ("tcss-exporter scan --output js", "--output json"),
        ] {
            let (_, shown, _) = run(Command::new("zsh")
                .args(["-f", "-c", script, "zsh", shell, setup, line, expected])
                .env("HOME", directory.path())
                .env("TERM", "dumb")
                .current_dir(directory.path()));
            assert!(shown.contains(expected), "{shell}, {line}: {shown:?}");
        }
    }
}

/// The simulator answers in UTC+8.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_time_zone_is_named_where_a_scan_seems_to_start_in_the_future() {
    let (_api, api) = simulating("started_ago: 5m, scans: [{takes: 60m, local_images: 3}]");
    let endpoint = format!("--api.endpoint={api}");
    let warning = "although the clocks agree: check api.time_zone";
    let (code, right, _) = run(exporter().args(["scan", &endpoint]));
    assert_eq!((code, right.contains(warning)), (0, false), "{right}");
    for command in [&["scan"][..], &["check", "--live"]] {
        let wrong = [endpoint.as_str(), "--api.time-zone=UTC"];
        let (code, wrong, _) = run(exporter().args(command).args(wrong));
        assert_eq!(code, 0, "{wrong}");
        let note = "the scan seems to start in 7h 5";
        assert!(wrong.contains(note) && wrong.contains(warning), "{wrong}");
    }

    let (exporter, url) = serving(&[
        &endpoint,
        "--api.time-zone=UTC",
        "--poll.interval=1s",
        "--poll.scanning-interval=1s",
    ]);
    until(&format!("{url}/metrics"), "three polls", |text| {
        (sum(text, "tcss_polls_total") >= 3.0).then_some(())
    })
    .await;
    let log = exporter.output();
    assert_eq!(log.matches(warning).count(), 1, "{log}");
}
