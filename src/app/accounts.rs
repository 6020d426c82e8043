//! `accounts`: lists the accounts of the configuration and of its discoveries.

use std::{fmt::Write as _, sync::Arc};

use serde_json::json;

use super::{
    Failure,
    discover::{self, AccountList},
    report,
    serve::config_source,
};
use crate::{
    cli::{AccountFormat, AccountsArgs, output},
    config::Account,
    credentials::{AssumeRole, Providers, Source},
    domain::Clock,
    limiter::Limiters,
    poller::PollGate,
};

pub(super) async fn run(flags: AccountsArgs) -> Result<(), Failure> {
    let source = config_source(&flags.config)?;
    let config = source.load().await.map_err(Failure::bad_input)?;
    let context = super::context(Clock::system(), source.shard(), PollGate::default())?;
    let limiters = Arc::<Limiters>::default();
    let providers = Arc::new(Providers::new(context.refresh_context(&limiters)));
    let list = AccountList::read(&config, &context, &limiters, &providers).await;
    let text = match flags.output {
        AccountFormat::Table => report::account_list(&list.accounts),
        AccountFormat::Json => output::printable_json(&json(&list.accounts)).into_owned(),
        AccountFormat::Yaml => account_file(&list.accounts),
    };
    output::print(text)?;
    discover::check(&list.discoveries)
}

fn json(accounts: &[Account]) -> String {
    let mut items = Vec::new();
    for account in accounts {
        let info = &account.info;
        let mut labels = serde_json::Map::new();
        for (name, value) in &info.labels {
            labels.insert(name.to_string(), json!(value));
        }
        items.push(json!({
            "account": account.name.as_str(),
            "uin": info.uin.map(|uin| uin.to_string()),
            "name": report::display_name(account),
            "source": info.origin.as_str(),
            "discovery": info.discovery.as_deref(),
            "labels": labels,
            "endpoint": account.endpoint.to_string(),
            "credentials": account.credentials.to_string(),
        }));
    }
    let text = serde_json::to_string_pretty(&items).expect("text and numbers are JSON");
    format!("{text}\n")
}

/// The discovered accounts as an account file. It has no keys and no external ID.
fn account_file(accounts: &[Account]) -> String {
    let mut text = String::from(
        "# Written by tcss-exporter accounts. Each role is assumed with the credentials of the default chain; with \
         others, add\n# `source` below assume_role. An external ID is not printed; add `external_id` where the role \
         requires one.\n",
    );
    for account in accounts {
        let Source::AssumeRole(role) = &account.credentials else {
            continue;
        };
        if account.info.discovery.is_some() {
            write_account(&mut text, account, role);
        }
    }
    text
}

fn write_account(text: &mut String, account: &Account, role: &AssumeRole) {
    let info = &account.info;
    // JSON strings are YAML strings.
    let quoted = |value: &str| json!(value).to_string();
    let _ = writeln!(text, "- name: {}", quoted(account.name.as_str()));
    if !info.display_name.is_empty() && info.display_name != account.name.as_str() {
        let _ = writeln!(
            text,
            "  # {}",
            output::printable(&info.display_name).replace('\n', " ")
        );
    }
    if let Some(uin) = info.uin {
        let _ = writeln!(text, "  uin: {uin}");
    }
    if !info.labels.is_empty() {
        let mut labels = Vec::new();
        for (name, value) in &info.labels {
            labels.push(format!("{name}: {}", quoted(value)));
        }
        let _ = writeln!(text, "  labels: {{{}}}", labels.join(", "));
    }
    let mut keys = vec![format!("role_arn: {}", quoted(&role.role_arn))];
    if role.session_name != AssumeRole::DEFAULT_SESSION_NAME {
        keys.push(format!("session_name: {}", quoted(&role.session_name)));
    }
    if role.sts.endpoint != crate::credentials::Sts::default_endpoint() {
        keys.push(format!(
            "endpoint: {}",
            quoted(&role.sts.endpoint.to_string())
        ));
    }
    let _ = writeln!(
        text,
        "  credentials: {{assume_role: {{{}}}}}",
        keys.join(", ")
    );
}
