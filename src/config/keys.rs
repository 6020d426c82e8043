//! The keys of the file, and advice on those that are none.

/// The keys that a map may have.
pub(super) struct Block {
    pub keys: &'static [&'static str],
    /// Nothing written in it may be shown, whatever it is.
    pub secret: bool,
    /// Whose block it is.
    of: File,
}

/// The files that there are.
#[derive(Clone, Copy)]
enum File {
    Config,
    WebConfig,
}

pub(super) const FILE: Block = open(&["poll", "api", "credentials", "account_files", "accounts"]);
pub(super) const POLL: Block = open(&["interval", "scanning_interval", "timeout", "stale_after"]);
pub(super) const API: Block = open(&[
    "endpoint",
    "region",
    "requests_per_second",
    "time_zone",
    "allow_http",
]);
/// Its own, those of [`API`] and those of [`POLL`].
pub(super) const ACCOUNT: Block = open(&[
    "name",
    "credentials",
    "scans",
    "endpoint",
    "region",
    "requests_per_second",
    "time_zone",
    "allow_http",
    "interval",
    "scanning_interval",
    "timeout",
    "stale_after",
]);
pub(super) const SCAN: Block = open(&["name", "local_task_id", "registry_task_id"]);
pub(super) const CREDENTIALS: Block = secret(&[
    "chain",
    "env",
    "files",
    "static",
    "profile",
    "tccli",
    "tke_oidc",
    "cvm_role",
    "assume_role",
]);
pub(super) const CHAIN: Block = secret(&["sts_endpoint", "metadata_endpoint"]);
pub(super) const ENV: Block = secret(&["secret_id", "secret_key", "token"]);
pub(super) const FILES: Block = secret(&["secret_id_file", "secret_key_file", "token_file"]);
pub(super) const STATIC: Block = secret(&["secret_id", "secret_key", "token"]);
pub(super) const PROFILE: Block = secret(&["file", "name"]);
pub(super) const TCCLI: Block = secret(&["name"]);
pub(super) const TKE_OIDC: Block = secret(&["endpoint"]);
pub(super) const CVM_ROLE: Block = secret(&["role", "endpoint"]);
pub(super) const ASSUME_ROLE: Block = secret(&[
    "role_arn",
    "session_name",
    "external_id",
    "duration",
    "endpoint",
    "region",
    "source",
]);

/// The file that says how the site is served. Its names, and those below, are those of Prometheus' exporter-toolkit.
pub(super) const WEB: Block = web(&[
    "tls_server_config",
    "http_server_config",
    "basic_auth_users",
    "rate_limit",
]);
pub(super) const TLS: Block = web(&[
    "cert_file",
    "key_file",
    "cert",
    "key",
    "client_auth_type",
    "client_ca_file",
    "client_ca",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "prefer_server_cipher_suites",
    "curve_preferences",
]);
pub(super) const HTTP: Block = web(&["http2", "headers"]);
pub(super) const HEADERS: Block = web(&[
    "Content-Security-Policy",
    "X-Frame-Options",
    "X-Content-Type-Options",
    "X-XSS-Protection",
    "Strict-Transport-Security",
]);
pub(super) const RATE_LIMIT: Block = web(&["interval", "burst"]);

const fn open(keys: &'static [&'static str]) -> Block {
    Block {
        keys,
        secret: false,
        of: File::Config,
    }
}

const fn secret(keys: &'static [&'static str]) -> Block {
    Block {
        keys,
        secret: true,
        of: File::Config,
    }
}

const fn web(keys: &'static [&'static str]) -> Block {
    Block {
        keys,
        secret: false,
        of: File::WebConfig,
    }
}

/// What to write instead of a key that `block` does not have.
pub(super) fn advice(key: &str, block: &Block) -> String {
    if let Some(near) = nearest(key, block.keys) {
        return format!("did you mean {near}?");
    }
    let homes: &[(&str, &Block)] = match block.of {
        File::Config => &[
            ("poll", &POLL),
            ("api", &API),
            ("accounts", &ACCOUNT),
            ("scans", &SCAN),
        ],
        File::WebConfig => &[
            ("tls_server_config", &TLS),
            ("http_server_config", &HTTP),
            ("headers", &HEADERS),
            ("rate_limit", &RATE_LIMIT),
        ],
    };
    let home = homes
        .iter()
        .find_map(|(name, block)| block.keys.contains(&key).then_some(name));
    match home {
        Some(home) if !block.secret => format!("it belongs in {home}"),
        _ => format!("known here: {}", block.keys.join(", ")),
    }
}

fn nearest(key: &str, keys: &[&'static str]) -> Option<&'static str> {
    let plain = |key: &str| key.to_lowercase().replace(['-', '_', ' '], "");
    let wanted = plain(key);
    let allowed = if wanted.len() > 4 { 2 } else { 1 };
    keys.iter()
        .map(|key| (distance(&wanted, &plain(key)), *key))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, key)| key)
}

/// The Levenshtein distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_takes_every_key_of_api_and_poll() {
        for key in API.keys.iter().chain(POLL.keys) {
            assert!(ACCOUNT.keys.contains(key), "{key}");
        }
    }

    #[test]
    fn advice_names_the_nearest_key_or_the_right_block_or_all_keys() {
        let cases = [
            ("intervall", POLL, "did you mean interval?"),
            ("scanningInterval", POLL, "did you mean scanning_interval?"),
            ("stale-after", POLL, "did you mean stale_after?"),
            ("interval", FILE, "it belongs in poll"),
            ("local_task_id", ACCOUNT, "it belongs in scans"),
            ("sceret_id", ENV, "did you mean secret_id?"),
            ("xyz", ENV, "known here: secret_id, secret_key, token"),
            ("interval", ENV, "known here: secret_id, secret_key, token"),
            ("cert_file", WEB, "it belongs in tls_server_config"),
            ("interval", HTTP, "it belongs in rate_limit"),
            ("X-Frame-Option", HEADERS, "did you mean X-Frame-Options?"),
            ("poll", RATE_LIMIT, "known here: interval, burst"),
        ];
        for (key, block, expected) in cases {
            assert_eq!(advice(key, &block), expected, "{key}");
        }
    }

    #[test]
    fn distance_counts_edits() {
        for (a, b, expected) in [
            ("", "abc", 3),
            ("abc", "abc", 0),
            ("kitten", "sitting", 3),
            ("abc", "", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
