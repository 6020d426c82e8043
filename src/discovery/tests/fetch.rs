//! Requests and answers, in this process.

use std::{
    collections::VecDeque,
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use ::http::{Request, Response};
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::*;
use crate::{
    client::Client,
    config::{self, Discovery, Overrides},
    credentials::{Environment, Providers, RefreshContext},
    domain::{Clock, Reason, RefreshFailure},
    limiter::Limiters,
    telemetry::Telemetry,
};

/// Answers by action, in turn; the last one stays.
#[derive(Default)]
struct Server {
    answers: Mutex<Vec<(&'static str, VecDeque<Value>)>>,
    requests: Mutex<Vec<(String, Value)>>,
}

impl Server {
    fn answer(&self, action: &'static str, answers: Vec<Value>) {
        self.answers.lock().unwrap().push((action, answers.into()));
    }

    fn respond(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let action = request.headers()["X-TC-Action"]
            .to_str()
            .unwrap()
            .to_owned();
        let body = serde_json::from_slice(request.body()).unwrap();
        self.requests.lock().unwrap().push((action.clone(), body));
        for (known, answers) in self.answers.lock().unwrap().iter_mut() {
            if *known == action {
                let answer = match answers.len() {
                    1 => answers[0].clone(),
                    _ => answers.pop_front().unwrap(),
                };
                return Response::new(answer.to_string().into());
            }
        }
        panic!("no answer for {action}");
    }

    fn n_requests(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

fn fixture(name: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/discovery")
        .join(name);
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

fn odd(name: &str) -> Vec<Value> {
    match &fixture("org_answers_odd.json")["answers"][name] {
        Value::Array(answers) => answers.clone(),
        Value::Null => panic!("{name}"),
        answer => vec![answer.clone()],
    }
}

fn discovery(keys: &str) -> Discovery {
    let file = tempfile::NamedTempFile::new().unwrap();
    let yaml = format!(
        "credentials: {{static: {{secret_id: AKIDx, secret_key: canary}}}}\ndiscovery: [{{organization: {{{keys}}}}}]\n"
    );
    fs::write(file.path(), yaml).unwrap();
    match config::load(Some(file.path()), &Overrides::default()) {
        Ok(mut loaded) => loaded.config.discoveries.remove(0),
        Err(problems) => panic!("{problems}"),
    }
}

async fn read(server: &Arc<Server>, keys: &str) -> Result<MemberList, FetchError> {
    let clock = Clock::starting_at(Timestamp::from_second(1_764_000_000).unwrap());
    let telemetry = Arc::new(Telemetry::new(&[]).unwrap());
    let handler = Arc::clone(server);
    let client = Client::in_process(
        clock,
        telemetry,
        Arc::new(move |request| handler.respond(&request)),
    );
    let limiters = Arc::<Limiters>::default();
    let providers = Providers::new(RefreshContext {
        client: client.clone(),
        limiters: Arc::clone(&limiters),
        clock,
        environment: Environment::of_the_process(),
    });
    let context = FetchContext {
        client,
        clock,
        limiters,
        providers: Arc::new(providers),
    };
    fetch(&discovery(keys), &context).await
}

async fn members(answers: Vec<Value>) -> (Result<MemberList, FetchError>, usize) {
    let server = Arc::new(Server::default());
    server.answer("DescribeOrganizationMembers", answers);
    let result = read(&server, "").await;
    (result, server.n_requests())
}

/// As the SDK's own requests were recorded.
#[tokio::test(start_paused = true)]
async fn the_recorded_pages_make_one_list() {
    let recorded = fixture("org_members_paging.json");
    let pages: Vec<Value> = recorded["responses_used"].as_array().unwrap().clone();
    let server = Arc::new(Server::default());
    server.answer("DescribeOrganizationMembers", pages);
    let list = read(&server, "").await.unwrap();
    assert_eq!(
        (list.members.len(), list.n_left_out, list.n_pages),
        (120, 0, 3)
    );
    let first = &list.members[0];
    assert_eq!(
        (first.uin.get(), &*first.name),
        (100_000_000_001, "member-001")
    );
    assert_eq!(first.unit.as_deref(), Some("shop"));
    assert_eq!(first.tags["team"], "blue");
    let bodies: Vec<Value> = recorded["requests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|request| serde_json::from_str(request["body"].as_str().unwrap()).unwrap())
        .collect();
    let sent = server.requests.lock().unwrap();
    let sent: Vec<Value> = sent.iter().map(|(_, body)| body.clone()).collect();
    assert_eq!(sent, bodies);
}

#[tokio::test(start_paused = true)]
async fn pages_that_do_not_fit_together_are_read_again_and_never_counted() {
    for name in [
        "total_shrinks_while_paging",
        "page_short_but_total_larger",
        "empty_page_before_the_total",
        "member_moves_from_page_2_to_1",
    ] {
        let answers = odd(name);
        let rounds: Vec<Value> = (0..4).flat_map(|_| answers.clone()).collect();
        let (result, _) = members(rounds).await;
        assert_eq!(
            result.unwrap_err().failure,
            RefreshFailure::Incomplete,
            "{name}"
        );
        // The second attempt finds the list at rest.
        let mut recovered = odd("total_shrinks_while_paging")[..2].to_vec();
        recovered.extend(odd("page_with_nulls"));
        let (result, n_requests) = members(recovered).await;
        assert_eq!((result.unwrap().members.len(), n_requests), (1, 3));
    }
}

#[tokio::test(start_paused = true)]
async fn odd_answers_are_survived() {
    for (name, n_members) in [
        ("page_with_nulls", 1),
        ("empty", 0),
        ("items_null", 0),
        ("same_name_twice", 2),
        ("odd_names", 8),
        ("odd_tags", 3),
        ("unconfirmed", 2),
    ] {
        let (result, _) = members(odd(name)).await;
        let list = result.unwrap_or_else(|error| panic!("{name}: {error}"));
        let total = odd(name)[0]["Response"]["Total"].as_u64().unwrap();
        assert_eq!(list.members.len() as u64, total, "{name}");
        assert!(list.members.len() >= n_members.min(1), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_have_their_reason_and_are_not_repeated() {
    for (name, reason) in [
        ("not_the_manager", Reason::Permission),
        ("no_organization", Reason::NotFound),
    ] {
        let (result, n_requests) = members(odd(name)).await;
        let error = result.unwrap_err();
        assert_eq!(error.failure, RefreshFailure::Request(reason), "{name}");
        assert_eq!(n_requests, 1);
        assert!(
            error
                .to_string()
                .starts_with("DescribeOrganizationMembers: "),
            "{error}"
        );
    }
    let busy =
        json!({"Response": {"Error": {"Code": "RequestLimitExceeded", "Message": "canary"}}});
    let (result, n_requests) =
        members(vec![busy.clone(), busy, odd("page_with_nulls").remove(0)]).await;
    assert_eq!(
        (result.unwrap().members.len(), n_requests),
        (1, 3),
        "repeated until it works"
    );
    let (result, _) = members(vec![json!({"Response": {"Items": "canary", "Total": 1}})]).await;
    let message = result.unwrap_err().to_string();
    assert!(
        message.contains("cannot be read") && !message.contains("canary"),
        "{message}"
    );
}

fn node(id: u64, name: &str, parent: u64) -> Value {
    json!({"NodeId": id, "Name": name, "ParentNodeId": parent})
}

fn page(items: &[Value]) -> Value {
    json!({"Response": {"Items": items, "Total": items.len(), "RequestId": "r"}})
}

fn organization() -> Arc<Server> {
    let server = Arc::new(Server::default());
    let member = |n: u64, node: u64, tag: &str| json!({"MemberUin": n, "Name": format!("m{n}"), "NodeId": node, "Tags": [{"TagKey": "tcss", "TagValue": tag}]});
    let members = [
        member(1, 1001, "on"),
        member(2, 1002, "on"),
        member(3, 1003, "on"),
        member(4, 1004, "on"),
        member(5, 1003, "off"),
    ];
    server.answer("DescribeOrganizationMembers", vec![page(&members)]);
    let nodes = [
        node(1001, "Root", 0),
        node(1002, "shop", 1001),
        node(1003, "payments", 1002),
        node(1004, "other", 1001),
        // A circle must not hang the refresh.
        node(1005, "a", 1006),
        node(1006, "b", 1005),
    ];
    server.answer("DescribeOrganizationNodes", vec![page(&nodes)]);
    let identities = [
        json!({"MemberUin": 2, "IdentityRoleName": "TestRole", "Status": 1}),
        json!({"MemberUin": 3, "IdentityRoleName": null, "Status": 1}),
    ];
    server.answer(
        "DescribeOrganizationMemberAuthIdentities",
        vec![page(&identities)],
    );
    let own =
        json!({"Response": {"AccountId": "4", "Arn": "qcs::cam::uin/4:uin/5", "RequestId": "r"}});
    server.answer("GetCallerIdentity", vec![own]);
    server
}

#[tokio::test(start_paused = true)]
async fn units_include_those_below_them_and_tags_must_all_match() {
    let uins = |list: &MemberList| -> Vec<u64> {
        list.members.iter().map(|member| member.uin.get()).collect()
    };
    for (keys, expected, left_out) in [
        ("", vec![1, 2, 3, 4, 5], 0),
        ("nodes: [shop]", vec![2, 3, 5], 2),
        ("nodes: [1003, 1004]", vec![3, 4, 5], 2),
        // One unit, by its number and by its name.
        ("nodes: [1002, shop]", vec![2, 3, 5], 2),
        ("nodes: [a]", vec![], 5),
        ("tags: {tcss: 'on'}", vec![1, 2, 3, 4], 1),
        ("nodes: [shop], tags: {tcss: 'on'}", vec![2, 3], 3),
        ("identity: 13", vec![2], 4),
    ] {
        let list = read(&organization(), keys).await.unwrap();
        assert_eq!(uins(&list), expected, "{keys}");
        assert_eq!(list.n_left_out, left_out, "{keys}");
    }
    let error = read(&organization(), "nodes: [shop, gone]")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no unit \"gone\""), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_own_account_needs_no_role_and_an_identity_names_the_roles() {
    let list = read(&organization(), "self: true, identity: 13")
        .await
        .unwrap();
    let members: Vec<_> = list
        .members
        .iter()
        .map(|member| (member.uin.get(), member.role.as_deref(), member.is_self))
        .collect();
    assert_eq!(members, [(2, Some("TestRole"), false), (4, None, true)]);
}

#[tokio::test(start_paused = true)]
async fn the_product_of_a_delegated_administrator_is_sent() {
    let server = organization();
    read(&server, "product: tcss").await.unwrap();
    let requests = server.requests.lock().unwrap();
    assert_eq!(
        requests[0].1,
        json!({"Offset": 0, "Limit": 50, "Product": "tcss"})
    );
}
