//! When credentials are fetched and refreshed, in paused time.

use std::{fs, sync::Arc, time::Duration};

use tokio::{
    task::{JoinSet, yield_now},
    time::{advance, sleep, timeout},
};

use super::fixtures::{self, Cloud, refusal};
use crate::{
    credentials::{AssumeRole, EnvVariables, Issued, KeyFiles, Provider, Providers, Source, Sts},
    signer::{Credentials, Secret},
};

fn role() -> Source {
    let secret_key = Secret::new("key".into());
    let source = Source::Static(Credentials {
        secret_id: "AKIDlong".into(),
        secret_key,
        token: None,
    });
    role_of(source)
}

fn role_of(source: Source) -> Source {
    Source::AssumeRole(Box::new(AssumeRole {
        role_arn: "qcs::cam::uin/1:roleName/r".into(),
        session_name: "s".into(),
        external_id: None,
        duration: AssumeRole::DEFAULT_DURATION,
        sts: Sts::default(),
        is_discovered: false,
        source,
    }))
}

async fn id(provider: &Provider) -> Result<String, String> {
    let issued = provider.current().await;
    issued
        .map(|issued| issued.credentials.secret_id.clone())
        .map_err(|error| error.to_string())
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn a_thousand_accounts_that_need_credentials_cause_one_request() {
    let cloud = Cloud::default();
    cloud.issue("one", 100);
    cloud.issue("two", 200);
    cloud.issue("three", 100_000);
    let providers = cloud.providers(&[]);
    for (expected, refreshed_after) in [("one", 85), ("two", 110)] {
        let mut needs = JoinSet::new();
        for _ in 0..1_000 {
            let provider = providers.provider(&role());
            needs.spawn(async move { id(&provider).await });
        }
        assert!(
            needs
                .join_all()
                .await
                .iter()
                .all(|id| id.as_deref() == Ok(expected))
        );
        sleep(seconds(refreshed_after)).await;
    }
    assert_eq!(cloud.n_requests(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_stops_waiting_does_not_cancel_the_request_for_others() {
    let cloud = Cloud::default();
    cloud.issue("one", 100);
    // The request to STS waits for its turn, so that it is under way when the other gives up.
    let provider = cloud.providers(&[]).provider(&role());
    let other = Arc::clone(&provider);
    let waiting = tokio::spawn(async move { id(&other).await });
    assert!(
        timeout(Duration::ZERO, provider.current()).await.is_err(),
        "gives up at once"
    );
    assert_eq!(waiting.await.unwrap().as_deref(), Ok("one"));
    assert_eq!(cloud.n_requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn no_request_is_sent_before_credentials_are_needed() {
    let cloud = Cloud::default();
    let _provider = cloud.providers(&[]).provider(&role());
    sleep(Duration::from_hours(24)).await;
    assert_eq!(cloud.n_requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn credentials_are_refreshed_after_seventy_to_eighty_percent_of_their_lifetime() {
    let cloud = Cloud::default();
    cloud.issue("one", 7_200);
    cloud.issue("two", 100_000);
    let provider = cloud.providers(&[]).provider(&role());
    assert_eq!(id(&provider).await.as_deref(), Ok("one"));
    sleep(seconds(5_039)).await;
    assert_eq!(cloud.n_requests(), 1);
    sleep(seconds(722)).await;
    assert_eq!(cloud.n_requests(), 2);
    assert_eq!(id(&provider).await.as_deref(), Ok("two"));
}

/// However short their lifetime is, valid ones are always there, and STS is called about once per
/// lifetime.
#[tokio::test(start_paused = true)]
async fn short_lived_credentials_never_run_out() {
    let cloud = Cloud::default();
    for round in 1..=60 {
        cloud.issue(&format!("id-{round}"), round * 3 + 2);
    }
    let context = cloud.context(&[]);
    let clock = context.clock;
    let provider = Providers::new(context).provider(&role());
    provider.current().await.unwrap();
    for _ in 0..1_000 {
        let before = cloud.n_requests();
        let issued = timeout(Duration::ZERO, provider.current())
            .await
            .expect("no wait")
            .unwrap();
        assert!(!issued.is_expired(clock.now()));
        assert!(cloud.n_requests() - before <= 1);
        sleep(Duration::from_millis(97)).await;
    }
    assert!(
        (30..60).contains(&cloud.n_requests()),
        "{}",
        cloud.n_requests()
    );
}

#[tokio::test(start_paused = true)]
async fn a_failed_refresh_keeps_the_old_credentials_until_they_expire_and_is_retried() {
    let cloud = Cloud::default();
    cloud.issue("one", 1_000);
    cloud.respond(refusal("InternalError", "broken"));
    let provider = cloud.providers(&[]).provider(&role());
    for second in 0..1_000 {
        assert_eq!(
            id(&provider).await.as_deref(),
            Ok("one"),
            "after {second} s"
        );
        sleep(seconds(1)).await;
    }
    let error = id(&provider).await.unwrap_err();
    assert_eq!(error, "AssumeRole: broken");
    let n_attempts = cloud.n_requests();
    assert!((6..22).contains(&n_attempts), "{n_attempts}");
    assert_eq!(provider.status().failures(), n_attempts as u64 - 1);
    assert_eq!(
        provider.status().expires().unwrap().as_second(),
        fixtures::START + 1_000
    );

    sleep(Duration::from_mins(30)).await;
    let n_more = cloud.n_requests() - n_attempts;
    assert!((24..40).contains(&n_more), "about once a minute: {n_more}");
    for _ in 0..100 {
        id(&provider).await.unwrap_err();
    }
    assert_eq!(
        cloud.n_requests(),
        n_attempts + n_more,
        "a need for credentials does not cause a retry"
    );
    cloud.issue("two", 100_000);
    cloud.issue("two", 100_000);
    sleep(seconds(160)).await;
    assert_eq!(
        id(&provider).await.as_deref(),
        Ok("two"),
        "recovers without help"
    );
}

#[tokio::test(start_paused = true)]
async fn credentials_that_are_expired_when_issued_do_not_replace_valid_ones() {
    let cloud = Cloud::default();
    cloud.issue("one", 100);
    cloud.issue("late", 10);
    let provider = cloud.providers(&[]).provider(&role());
    id(&provider).await.unwrap();
    sleep(seconds(90)).await;
    assert_eq!(id(&provider).await.as_deref(), Ok("one"));
    assert!(provider.status().failures() >= 1);
    sleep(seconds(10)).await;
    assert!(id(&provider).await.unwrap_err().contains("set the clock"));
}

#[tokio::test(start_paused = true)]
async fn a_permanent_error_is_retried_every_few_minutes() {
    let cloud = Cloud::default();
    cloud.respond(refusal("UnauthorizedOperation", "no"));
    let provider = cloud.providers(&[]).provider(&role());
    id(&provider).await.unwrap_err();
    sleep(Duration::from_hours(1)).await;
    assert!(
        (14..25).contains(&cloud.n_requests()),
        "{}",
        cloud.n_requests()
    );
}

#[tokio::test(start_paused = true)]
async fn rejected_credentials_are_refreshed_at_once_and_only_once() {
    let cloud = Cloud::default();
    cloud.issue("one", 7_200);
    cloud.issue("two", 7_200);
    cloud.issue("three", 7_200);
    let provider = cloud.providers(&[]).provider(&role());
    let one: Arc<Issued> = provider.current().await.unwrap();
    for _ in 0..100 {
        provider.rejected(&one);
    }
    assert_eq!(id(&provider).await.as_deref(), Ok("two"));
    provider.rejected(&one);
    assert_eq!(id(&provider).await.as_deref(), Ok("two"), "refreshed since");
    let two = provider.current().await.unwrap();
    provider.rejected(&two);
    assert_eq!(
        id(&provider).await.as_deref(),
        Ok("two"),
        "refreshed a moment ago"
    );
    assert_eq!(cloud.n_requests(), 2);
    sleep(seconds(31)).await;
    provider.rejected(&one);
    assert_eq!(
        id(&provider).await.as_deref(),
        Ok("two"),
        "refreshed since, however long ago"
    );
    provider.rejected(&two);
    assert_eq!(id(&provider).await.as_deref(), Ok("three"));
}

#[tokio::test(start_paused = true)]
async fn rejected_credentials_stay_in_use_where_there_are_no_others() {
    let cloud = Cloud::default();
    cloud.issue("one", 7_200);
    cloud.respond(refusal("InternalError", "broken"));
    let provider = cloud.providers(&[]).provider(&role());
    provider.rejected(&provider.current().await.unwrap());
    assert_eq!(id(&provider).await.as_deref(), Ok("one"));
    assert_eq!((cloud.n_requests(), provider.status().failures()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_change_completes_with_new_credentials_and_not_with_an_attempt() {
    let cloud = Cloud::default();
    cloud.respond(refusal("InternalError", "broken"));
    let provider = cloud.providers(&[]).provider(&role());
    id(&provider).await.unwrap_err();
    let change = provider.change_from(provider.serial());
    assert!(
        timeout(seconds(20), change.wait()).await.is_err(),
        "attempts that fail change nothing"
    );
    cloud.issue("one", 100_000);
    cloud.issue("one", 100_000);
    let change = provider.change_from(provider.serial());
    timeout(seconds(160), change.wait())
        .await
        .expect("a change");
    let issued = provider.current().await.unwrap();
    let change = provider.change_from(issued.serial);
    assert!(
        timeout(seconds(1_000), change.wait()).await.is_err(),
        "nothing new"
    );
}

#[tokio::test(start_paused = true)]
async fn a_role_is_retried_as_soon_as_its_parent_has_other_keys() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let files = KeyFiles {
        secret_id: path("id"),
        secret_key: path("key"),
        token: None,
    };
    let cloud = Cloud::default();
    let provider = cloud
        .providers(&[])
        .provider(&role_of(Source::Files(files)));
    let error = id(&provider).await.unwrap_err();
    assert!(error.contains("No such file"), "{error}");
    sleep(Duration::from_mins(30)).await;
    cloud.issue("one", 100_000);
    fs::write(path("id"), "AKIDfile").unwrap();
    fs::write(path("key"), "key").unwrap();
    let change = provider.change_from(provider.serial());
    timeout(seconds(7), change.wait())
        .await
        .expect("after two reads of the files");
    assert_eq!(id(&provider).await.as_deref(), Ok("one"));
}

/// The parent had other credentials in the meantime, which have expired: nothing new to retry with.
#[tokio::test(start_paused = true)]
async fn a_role_whose_parents_keys_have_expired_is_not_retried_without_delay() {
    let cloud = Cloud::default();
    cloud.issue("parent-1", 100);
    cloud.issue("child", 1_000);
    cloud.issue("parent-2", 200);
    cloud.respond(refusal("InternalError", "broken"));
    let provider = cloud.providers(&[]).provider(&role_of(role()));
    assert_eq!(id(&provider).await.as_deref(), Ok("child"));
    // Not by sleeping: paused time does not advance while a task is busy all the time.
    for _ in 0..400 {
        advance(seconds(5)).await;
        for _ in 0..20 {
            yield_now().await;
        }
    }
    assert!(id(&provider).await.unwrap_err().contains("broken"));
    let failures = provider.status().failures();
    assert!(
        (5..100).contains(&failures),
        "about one a minute at the end: {failures}"
    );
}

struct Watched {
    directory: tempfile::TempDir,
    provider: Arc<Provider>,
    _cloud: Cloud,
}

impl Watched {
    fn new() -> Watched {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let files = KeyFiles {
            secret_id: path("id"),
            secret_key: path("key"),
            token: None,
        };
        let cloud = Cloud::default();
        let provider = cloud.providers(&[]).provider(&Source::Files(files));
        Watched {
            directory,
            provider,
            _cloud: cloud,
        }
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.directory.path().join(name), content).unwrap();
    }

    async fn id_and_key(&self) -> String {
        let issued = self.provider.current().await.unwrap();
        let key = ["old", "new", "newer"]
            .into_iter()
            .find(|key| issued.credentials.secret_key == Secret::new((*key).into()))
            .unwrap();
        format!("{} {key}", issued.credentials.secret_id)
    }
}

#[tokio::test(start_paused = true)]
async fn changes_of_files_are_noticed() {
    let watched = Watched::new();
    watched.write("id", "AKIDold");
    watched.write("key", "old");
    assert_eq!(watched.id_and_key().await, "AKIDold old");
    sleep(Duration::from_hours(1)).await;
    assert_eq!(watched.provider.serial(), 1, "nothing changed");
    watched.write("id", "AKIDnew");
    watched.write("key", "new");
    sleep(seconds(7)).await;
    assert_eq!(watched.id_and_key().await, "AKIDnew new");
    assert_eq!(
        (
            watched.provider.serial(),
            watched.provider.status().failures()
        ),
        (2, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn half_replaced_files_are_not_used() {
    let watched = Watched::new();
    watched.write("id", "AKIDold");
    watched.write("key", "old");
    assert_eq!(watched.id_and_key().await, "AKIDold old");
    // A read between the two writes sees the new ID with the old key.
    for step in 0..20 {
        watched.write("id", &format!("AKIDnew{step}"));
        sleep(Duration::from_millis(900)).await;
        assert_eq!(watched.id_and_key().await, "AKIDold old", "step {step}");
    }
    watched.write("id", "AKIDnew");
    watched.write("key", "new");
    sleep(seconds(7)).await;
    assert_eq!(watched.id_and_key().await, "AKIDnew new");
}

#[tokio::test(start_paused = true)]
async fn the_last_valid_keys_stay_in_use_while_files_are_missing_or_invalid() {
    let watched = Watched::new();
    watched.write("id", "AKIDold");
    watched.write("key", "old");
    assert_eq!(watched.id_and_key().await, "AKIDold old");
    for (name, content) in [
        ("key", ""),
        ("id", " \n"),
        ("key", "two\nlines"),
        ("id", "AKID/old"),
    ] {
        watched.write("id", "AKIDold");
        watched.write("key", "old");
        sleep(seconds(6)).await;
        let before = watched.provider.status().failures();
        watched.write(name, content);
        sleep(seconds(20)).await;
        assert_eq!(watched.id_and_key().await, "AKIDold old", "{content:?}");
        let failures = watched.provider.status().failures() - before;
        assert!((3..=5).contains(&failures), "{failures}");
    }
    fs::remove_file(watched.directory.path().join("key")).unwrap();
    sleep(Duration::from_hours(10)).await;
    assert_eq!(watched.id_and_key().await, "AKIDold old");
    watched.write("id", "AKIDnew");
    watched.write("key", "new");
    sleep(seconds(7)).await;
    assert_eq!(watched.id_and_key().await, "AKIDnew new");
    assert!(watched.provider.status().error().is_none());
}

#[tokio::test(start_paused = true)]
async fn accounts_with_the_same_source_share_a_provider_which_is_dropped_with_the_last_one() {
    let cloud = Cloud::default();
    let providers = cloud.providers(&[]);
    let (one, two) = (providers.provider(&role()), providers.provider(&role()));
    assert!(Arc::ptr_eq(&one, &two));
    let weak = Arc::downgrade(&one);
    drop(one);
    providers.drop_unused();
    assert!(weak.upgrade().is_some());
    drop(two);
    providers.drop_unused();
    assert!(weak.upgrade().is_none());
    assert_eq!(providers.len(), 0, "its parent is dropped, too");
}

#[tokio::test(start_paused = true)]
async fn only_sources_that_may_change_refresh() {
    let variables = [
        ("TENCENTCLOUD_SECRET_ID", "AKIDenv"),
        ("TENCENTCLOUD_SECRET_KEY", "key"),
    ];
    let home = tempfile::tempdir().unwrap();
    let home = ("HOME", home.path().to_str().unwrap());
    let env = Source::Env(EnvVariables::default());
    for (source, environment, expected) in [
        (env.clone(), &variables[..], false),
        (env, &[home], false),
        (Source::default(), &variables[..], false),
        (role(), &[home], true),
    ] {
        let cloud = Cloud::default();
        cloud.issue("one", 7_200);
        let provider = cloud.providers(environment).provider(&source);
        let _ = provider.current().await;
        assert_eq!(provider.status().refreshes(), expected, "{source}");
    }
}
