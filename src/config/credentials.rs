//! The block `credentials`. No message shows anything that is written in it.

use super::{
    keys,
    problem::Problem,
    scalar,
    tree::{At, Fields, Setting},
};
use crate::credentials::{Source, env::Variables};

/// Reads a block: one kind, with its keys below it.
pub(super) fn read(at: At<'_>, problems: &mut Vec<Problem>) -> Option<Source> {
    let block = at.fields(&keys::CREDENTIALS, problems)?;
    let kinds: Vec<&str> = keys::CREDENTIALS.keys.iter().filter(|kind| block.has(kind)).copied().collect();
    match kinds[..] {
        ["env"] => Some(Source::Env(env(block.at("env"), problems))),
        [kind] => {
            let message = format!("{kind} does not work in this version; what works: env");
            problems.push(block.problem(message));
            None
        }
        [] if block.is_empty() => {
            problems.push(block.problem("names no kind; write env: {}, or leave credentials out"));
            None
        }
        [] => None,
        _ => {
            problems.push(block.problem(format!("has {}; name one kind", kinds.join(" and "))));
            None
        }
    }
}

/// Names given for the keys mean that the standard token, which belongs to other keys, does not count.
fn env(at: Option<At<'_>>, problems: &mut Vec<Problem>) -> Variables {
    let standard = Variables::default();
    let Some(at) = at else { return standard };
    let Some(fields) = at.fields(&keys::ENV, problems) else { return standard };
    let [id, key, token] = ["secret_id", "secret_key", "token"].map(|name| variable(&fields, name, problems));
    let token = match token {
        Some(token) => vec![token],
        None if id.is_some() || key.is_some() => Vec::new(),
        None => standard.token,
    };
    Variables {
        secret_id: id.unwrap_or(standard.secret_id),
        secret_key: key.unwrap_or(standard.secret_key),
        token,
    }
}

fn variable(fields: &Fields<'_>, key: &'static str, problems: &mut Vec<Problem>) -> Option<String> {
    let setting: Setting<String> = fields.read(key, problems, |at| {
        let text = scalar::text(at)?;
        if names_a_variable(text) {
            return Ok(text.to_owned());
        }
        Err("is no name of an environment variable; name the variable that holds the value, not the value"
            .into())
    })?;
    setting.value
}

/// Whether it is a name rather than a secret, which a later message would show: real ones have 32 or more letters
/// and digits, upper and lower case, and no underscore.
fn names_a_variable(text: &str) -> bool {
    let word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let mixed = text.bytes().any(|byte| byte.is_ascii_lowercase())
        && text.bytes().any(|byte| byte.is_ascii_uppercase());
    let like_a_secret = text.len() >= 24 && mixed && !text.contains('_');
    word && !like_a_secret && text.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::names_a_variable;

    #[test]
    fn a_variable_has_a_name_that_is_no_secret() {
        for good in ["TENCENTCLOUD_SECRET_ID", "_x", "prod_secret_key_2", "SecretId"] {
            assert!(names_a_variable(good), "{good}");
        }
        for bad in
            ["", "1A", "A-B", "$A", "AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnP", "Gu5t9xGARNpq86cd98joQYCN3Cozk1qA"]
        {
            assert!(!names_a_variable(bad), "{bad}");
        }
    }
}
