//! Blocks `credentials` in, sources or problems out.

use std::{fs, path::Path, time::Duration};

use super::{Endpoint, Overrides, Region, check, load, load_text};
use crate::{
    credentials::{
        AssumeRole, Chain, CvmRole, EnvVariables, KeyFiles, Profile, Source, Sts, Tccli, TkeOidc,
    },
    signer::{Credentials, Secret},
};

fn source(block: &str) -> Source {
    let loaded = load_text(&format!("credentials: {block}\n")).expect(block);
    loaded
        .config
        .accounts
        .into_iter()
        .next()
        .unwrap()
        .credentials
}

fn endpoint(text: &str) -> Endpoint {
    Endpoint::parse(text, true).unwrap()
}

#[test]
fn a_kind_without_keys_has_its_defaults() {
    for (kind, expected) in [
        ("chain", Source::Chain(Chain::default())),
        ("env", Source::Env(EnvVariables::default())),
        ("profile", Source::Profile(Profile::default())),
        ("tccli", Source::Tccli(Tccli::default())),
        ("tke_oidc", Source::TkeOidc(TkeOidc::default())),
        ("cvm_role", Source::CvmRole(CvmRole::default())),
    ] {
        assert_eq!(source(&format!("{{{kind}: {{}}}}")), expected);
        assert_eq!(source(&format!("{{{kind}: }}")), expected);
    }
}

#[test]
fn every_key_is_read() {
    let local = endpoint("http://127.0.0.1:1");
    let cases = [
        (
            "{chain: {sts_endpoint: 'http://127.0.0.1:1', metadata_endpoint: 'http://10.0.0.1:80'}}",
            Source::Chain(Chain {
                sts_endpoint: local.clone(),
                metadata_endpoint: endpoint("http://10.0.0.1"),
            }),
        ),
        (
            "{static: {secret_id: AKIDx, secret_key: k, token: t}}",
            Source::Static(Credentials {
                secret_id: "AKIDx".into(),
                secret_key: Secret::new("k".into()),
                token: Some(Secret::new("t".into())),
            }),
        ),
        (
            "{profile: {file: /etc/keys, name: dev}}",
            Source::Profile(Profile {
                file: Some("/etc/keys".into()),
                name: "dev".into(),
                sts_endpoint: Sts::default_endpoint(),
            }),
        ),
        (
            "{env: {sts_endpoint: 'http://127.0.0.1:1'}}",
            Source::Env(EnvVariables {
                sts_endpoint: local.clone(),
                ..EnvVariables::default()
            }),
        ),
        (
            "{profile: {sts_endpoint: 'http://127.0.0.1:1'}}",
            Source::Profile(Profile {
                sts_endpoint: local.clone(),
                ..Profile::default()
            }),
        ),
        (
            "{tccli: {name: dev, sts_endpoint: 'http://127.0.0.1:1', metadata_endpoint: 'http://10.0.0.1:80'}}",
            Source::Tccli(Tccli {
                name: "dev".into(),
                sts_endpoint: local.clone(),
                metadata_endpoint: endpoint("http://10.0.0.1"),
            }),
        ),
        (
            "{tke_oidc: {endpoint: sts.example}}",
            Source::TkeOidc(TkeOidc {
                endpoint: endpoint("sts.example"),
            }),
        ),
        (
            "{cvm_role: {role: MyRole, endpoint: 'http://127.0.0.1:1'}}",
            Source::CvmRole(CvmRole {
                endpoint: local.clone(),
                role: Some("MyRole".into()),
            }),
        ),
        (
            "{assume_role: {role_arn: 'qcs::cam::uin/1:roleName/r', session_name: me, external_id: x/y, duration: 30m, \
             endpoint: 'http://127.0.0.1:1', region: ap-singapore, source: {cvm_role: }}}",
            Source::AssumeRole(Box::new(AssumeRole {
                role_arn: "qcs::cam::uin/1:roleName/r".into(),
                session_name: "me".into(),
                external_id: Some("x/y".into()),
                duration: Duration::from_mins(30),
                sts: Sts {
                    endpoint: local,
                    region: Region::parse("ap-singapore").unwrap(),
                },
                is_discovered: false,
                source: Source::CvmRole(CvmRole::default()),
            })),
        ),
        (
            "{assume_role: {role_arn: 'qcs::cam::uin/1:roleName/r'}}",
            Source::AssumeRole(Box::new(AssumeRole {
                role_arn: "qcs::cam::uin/1:roleName/r".into(),
                session_name: "tcss-exporter".into(),
                external_id: None,
                duration: Duration::from_hours(2),
                sts: Sts::default(),
                is_discovered: false,
                source: Source::default(),
            })),
        ),
    ];
    for (block, expected) in cases {
        assert_eq!(source(block), expected, "{block}");
    }
}

#[test]
fn a_path_is_relative_to_the_file_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("teams")).unwrap();
    let block =
        "{files: {secret_id_file: keys/id, secret_key_file: /run/key, token_file: ../token}}";
    fs::write(
        directory.path().join("c.yml"),
        format!("account_files: [teams/a.yml]\ncredentials: {block}\naccounts: [{{name: own}}]\n"),
    )
    .unwrap();
    fs::write(
        directory.path().join("teams/a.yml"),
        format!("- {{name: team, credentials: {block}}}\n- {{name: shared}}\n"),
    )
    .unwrap();
    let loaded = load(Some(&directory.path().join("c.yml")), &Overrides::default()).unwrap();
    let files = |base: &Path| {
        Source::Files(KeyFiles {
            secret_id: base.join("keys/id"),
            secret_key: "/run/key".into(),
            token: Some(base.join("../token")),
        })
    };
    let found: Vec<&Source> = loaded
        .config
        .accounts
        .iter()
        .map(|account| &account.credentials)
        .collect();
    let (own, team) = (
        files(directory.path()),
        files(&directory.path().join("teams")),
    );
    assert_eq!(found, [&own, &team, &own]);
}

#[test]
fn a_missing_or_invalid_key_is_reported_with_what_is_expected() {
    for (block, expected) in [
        (
            "{files: }",
            &[
                "1: credentials.files: has no secret_id_file; set it to the file that contains the SecretId",
                "1: credentials.files: has no secret_key_file; set it to the file that contains the SecretKey",
            ][..],
        ),
        (
            "{static: {secret_id: a}}",
            &["1: credentials.static: has no secret_key; set it to the SecretKey"],
        ),
        (
            "{static: {secret_id: a/b, secret_key: k}}",
            &[
                "1: credentials.static: the SecretId is empty or contains characters that are not allowed",
            ],
        ),
        (
            "{profile: {file: ~/keys}}",
            &[
                "1: credentials.profile.file: is not a valid path, expected the file that contains the value, not the \
               value; ~ is not expanded",
            ],
        ),
        (
            "{tke_oidc: {endpoint: 'http://10.0.0.1'}}",
            &[
                "1: credentials.tke_oidc.endpoint: is not a valid endpoint, expected a host such as \
               sts.tencentcloudapi.com or a URL; plain http is allowed only to this machine",
            ],
        ),
        (
            "{cvm_role: {endpoint: metadata.tencentyun.com, role: 'qcs::cam::uin/1:roleName/r'}}",
            &[
                "1: credentials.cvm_role.endpoint: is not a valid metadata endpoint, expected for example \
                 http://metadata.tencentyun.com",
                "1: credentials.cvm_role.role: is not a valid role name, expected only the name, not the ARN; or remove the key",
            ],
        ),
        (
            "{assume_role: {duration: 13h, session_name: x}}",
            &[
                "1: credentials.assume_role: has no role_arn; set it to the role's ARN, for example \
                 qcs::cam::uin/100000000001:roleName/tcss-exporter",
                "1: credentials.assume_role.duration: is not a duration from 1m to 12h, expected for example 2h or 30m",
                "1: credentials.assume_role.session_name: is not a valid session name, expected 2 to 128 letters, digits \
                 and =,.@_-",
            ],
        ),
        (
            "{assume_role: {role_arn: 'qcs::cam::r', source: {assume_role: {role_arn: 'qcs::cam::r', source: {assume_role: \
             {role_arn: 'qcs::cam::r', source: {env: }}}}}}}",
            &[
                "1: credentials.assume_role.source.assume_role.source.assume_role.source: is nested too deeply, \
               at most 3 roles",
            ],
        ),
        (
            "{assume_role: {role_arn: 'qcs::cam::r', source: {env: {secret-id: A}}}}",
            &["1: credentials.assume_role.source.env: unknown key, did you mean secret_id?"],
        ),
    ] {
        check(&format!("credentials: {block}"), expected);
    }
}

#[test]
fn keys_in_the_file_are_a_warning() {
    let warnings = |yaml: &str| load_text(yaml).unwrap().warnings;
    let block = "{static: {secret_id: AKIDcanary, secret_key: canary}}";
    let role = format!("{{assume_role: {{role_arn: 'qcs::cam::r', source: {block}}}}}");
    let yaml =
        format!("credentials: {block}\naccounts: [{{name: a, credentials: {role}}}, {{name: b}}]");
    assert_eq!(
        warnings(&yaml),
        [
            "account \"a\" and 1 more: the keys are in the configuration file, visible to everyone who can read it; \
          use separate files or environment variables"
        ]
    );
}

#[test]
fn exactly_one_known_kind_must_be_given() {
    check(
        "credentials: {}",
        &[
            "1: credentials: names no kind, expected for example env: {}; or remove the key credentials",
        ],
    );
    check(
        "credentials: {environment: {}}",
        &[
            "1: credentials: unknown key, known keys: chain, env, files, static, profile, tccli, tke_oidc, cvm_role, assume_role",
        ],
    );
    check(
        "credentials: {env: {secret-id: A}}",
        &["1: credentials.env: unknown key, did you mean secret_id?"],
    );
}

#[test]
fn messages_never_show_what_is_written_under_credentials() {
    let blocks = [
        "Canary7",
        "[Canary7]",
        "{Canary7: 1}",
        "{static: {secret_id: Canary7}}",
        "{static: {secret_id: Canary7, secret_key: [Canary7]}}",
        "{static: {secret_id: Canary7, secret_key: 'Canary7 Canary7'}}",
        "{static: {secret_id: Canary7, secret_key: Canary7, token: 'Canary7\n  Canary7'}}",
        "{static: {secret_id: Canary7, secret_key: &Canary7 Canary7, secret_key: *Canary7}}",
        "{files: {secret_id_file: CaNaRyCanary7canary7canary7cana, secret_key_file: a}}",
        "{files: Canary7}",
        "{files: {secret_id: Canary7}}",
        "{profile: {name: 'Canary7/'}}",
        "{tccli: {name: 'Canary7/'}}",
        "{tke_oidc: {endpoint: 'http://Canary7'}}",
        "{cvm_role: {endpoint: 'https://Canary7', role: 'Canary7/'}}",
        "{chain: {sts_endpoint: 'Canary7@a', metadata_endpoint: Canary7}}",
        "{assume_role: {role_arn: Canary7, duration: Canary7, region: 'Canary7/', external_id: Canary7 x}}",
        "{assume_role: {role_arn: 'qcs::cam::Canary7', session_name: 'Canary7/', source: Canary7}}",
        "{assume_role: {role_arn: 'qcs::cam::Canary7', source: {static: {secret_id: Canary7}}}}",
        "{static: Canary7, Canary7: Canary7}",
        "{env: Canary7}",
        "{env: [Canary7]}",
        "{env: {Canary7: Canary7}}",
        "{env: {secret_id: {Canary7: Canary7}}}",
        "{env: {secret_id: Canary7-x, secret_key: [Canary7], token: '$Canary7'}}",
        "{env: {secret_key: CaNaRyCanary7canary7canary7cana}}",
        "{env: {? {Canary7: 1} : 2}}",
        "{Canary7, ",
        "*Canary7",
        "!!binary Canary7",
        "!Canary7 {env: 1}",
    ];
    for block in blocks {
        for prefix in ["", "accounts:\n- name: a\n  "] {
            let problems = load_text(&format!("{prefix}credentials: {block}\n")).expect_err(block);
            assert!(
                !problems.to_lowercase().contains("canary"),
                "{block}\n{problems}"
            );
        }
    }
}
