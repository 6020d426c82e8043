//! The status page in a real browser: its layout, its accessibility, and what it must not do.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use serde_json::{Value, json};

use crate::support::{
    answer,
    process::{Running, exporter, file, get, listening, path, serving, until},
    raw::{Act, Raw, ok},
};

use crate::support::driver::Browser;

/// Widths and heights of windows: a phone, a tablet, and the narrowest and the usual width with a table.
const PHONE: (u32, u32) = (360, 740);
const TABLET: (u32, u32) = (800, 1_000);
const SMALL: (u32, u32) = (1_185, 800);
const DESK: (u32, u32) = (1_280, 800);

/// The demo after every account was polled, and the URL of its page.
async fn demo() -> (Running, String) {
    let mut running = Running::start(
        "demo",
        exporter().args(["demo", "--web.listen-address=127.0.0.1:0"]),
    );
    let url = running.wait_for("where it listens", listening);
    until(&format!("{url}/-/ready"), "that it is ready", |body| {
        (body == "ready\n").then_some(())
    })
    .await;
    (running, url)
}

/// The problems of the layout.
async fn complaints(browser: &Browser, width: u32) -> Vec<String> {
    browser
        .value(&format!("({})({width})", include_str!("checks.js")))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_can_be_read_in_light_and_in_dark_and_on_a_phone() {
    let (_demo, url) = demo().await;
    let browser = Browser::start().await;
    let mut backgrounds = BTreeMap::new();
    for (name, (width, height), scheme) in [
        ("status", DESK, "light"),
        ("status-dark", DESK, "dark"),
        ("status-narrow", PHONE, "light"),
        ("status-narrow-dark", PHONE, "dark"),
        ("status-tablet", TABLET, "light"),
        ("status-small", SMALL, "dark"),
    ] {
        browser.look(width, height, scheme).await;
        browser.open(&url).await;
        assert_eq!(complaints(&browser, width).await, [""; 0], "{name}");
        let n_rows: usize = browser
            .value("document.querySelectorAll('tbody').length")
            .await;
        assert_eq!(n_rows, 6, "{name}");
        let image = browser.screenshot().await;
        let sizes = [&image[16..20], &image[20..24]]
            .map(|size| u32::from_be_bytes(size.try_into().unwrap()));
        assert_eq!(sizes, [width, height], "{name}");
        fs::write(
            Path::new(env!("CARGO_TARGET_TMPDIR"))
                .join(name)
                .with_extension("png"),
            image,
        )
        .unwrap();
        let background: String = browser
            .value("getComputedStyle(document.body).backgroundColor")
            .await;
        backgrounds.insert(scheme, background);
    }
    assert_ne!(backgrounds["light"], backgrounds["dark"]);
    assert_eq!(browser.console().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_and_errors_with_markup_are_shown_as_text() {
    const IMAGE: &str = "<img src=x onerror=alert(1)>";
    const SCRIPT: &str = "\"><script>document.title = 'mine'</script></table>";
    let error = json!({"Response": {
        "Error": {"Code": format!("FailedOperation.{SCRIPT}"), "Message": format!("{IMAGE} {}", "W".repeat(290))},
        "RequestId": format!("'{SCRIPT}{IMAGE}"),
    }});
    let api = Raw::start(Act::Send(ok(error.to_string().as_bytes()))).await;
    let large = answer("SCANNING", 33.5, 0.0, 1_234_567);
    let other_api = Raw::start(Act::Send(ok(&large))).await;
    let names = [IMAGE, SCRIPT, &"W".repeat(128), "large"];
    let mut accounts =
        names.map(|name| json!({"name": name, "scans": [{"name": format!("&lt;{SCRIPT}")}]}));
    accounts[3]["endpoint"] = other_api.url().into();
    let config = file(&json!({"poll": {"interval": "1s"}, "accounts": accounts}).to_string());
    let (_exporter, url) = serving(&["--config.file", path(&config), "--api.endpoint", &api.url()]);
    until(&format!("{url}/-/ready"), "that it is ready", |body| {
        (body == "ready\n").then_some(())
    })
    .await;

    let browser = Browser::start().await;
    for (width, height) in [PHONE, TABLET, SMALL, DESK] {
        browser.look(width, height, "light").await;
        browser
            .open(&format!("{url}/?q=%3Cscript%3E&refresh=off"))
            .await;
        assert_eq!(complaints(&browser, width).await, [""; 0], "{width}");
    }
    let texts = "[...document.querySelectorAll('tbody th bdi:first-child')].map((name) => name.textContent)";
    let shown: Vec<String> = browser.value(texts).await;
    assert_eq!(
        shown.iter().step_by(2).collect::<Vec<_>>(),
        names,
        "each followed by the name of its scan"
    );
    let request_id = "document.querySelector('.error .sub code').textContent";
    assert_eq!(
        browser.value::<String>(request_id).await,
        format!("'{SCRIPT}{IMAGE}")
    );
    assert_eq!(
        browser
            .value::<usize>("document.querySelectorAll('img, script, [onerror]').length")
            .await,
        0
    );
    assert_eq!(
        browser.value::<String>("document.title").await,
        "3 failing · tcss-exporter"
    );
    assert_eq!(
        browser
            .value::<String>("document.querySelector('#q').value")
            .await,
        "<script>"
    );
    assert_eq!(browser.console().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_works_by_keyboard_and_is_a_table_for_screen_readers() {
    let (_demo, url) = demo().await;
    let browser = Browser::start().await;
    for (width, height) in [PHONE, DESK] {
        browser.look(width, height, "light").await;
        browser.open(&url).await;
        let heard = heard(&browser).await;
        let said = |role: &str| heard.get(role).cloned().unwrap_or_default();
        assert_eq!(said("table"), ["6 scans, failing first"], "{width}");
        assert_eq!(said("columnheader").len(), 9, "{width}");
        assert_eq!(said("rowheader")[0], "acquired latest", "{width}");
        assert_eq!(
            (said("rowheader").len(), said("row").len()),
            (6, 8),
            "{width}"
        );
        assert!(
            said("progressbar").contains(&"Progress of shop, latest".into()),
            "{width}: {heard:?}"
        );
        for landmark in ["banner", "main", "search", "contentinfo"] {
            assert_eq!(said(landmark).len(), 1, "{landmark}");
        }
        assert_eq!(said("navigation"), ["Other pages"]);
        assert_eq!(said("searchbox"), ["Account or scan"]);
    }

    let focused = "(() => { const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
        return [at.innerText || at.id, style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.left >= 0]; })()";
    for expected in [
        "Skip to scans",
        "Metrics",
        "Readiness",
        "Health",
        "Help",
        "q",
        "Filter",
        "Stop auto-refresh",
    ] {
        browser.press("Tab", 9, "").await;
        let (text, is_visible): (String, bool) = browser.value(focused).await;
        assert_eq!((text.as_str(), is_visible), (expected, true));
    }
    browser.press("Enter", 13, "\r").await;
    waits_for(
        &browser,
        "location.search === '?refresh=off' && document.readyState === 'complete'",
    )
    .await;
    browser.press("Tab", 9, "").await;
    browser.press("Enter", 13, "\r").await;
    waits_for(&browser, "document.activeElement.id === 'scans'").await;
    browser
        .value::<()>("document.querySelector('#q').focus()")
        .await;
    for (key, code) in [("P", 80), ("A", 65), ("Y", 89)] {
        browser.press(key, code, key).await;
    }
    browser.press("Enter", 13, "\r").await;
    waits_for(
        &browser,
        "location.search === '?q=PAY&refresh=off' && document.querySelectorAll('tbody').length === 1",
    )
    .await;
    assert_eq!(browser.console().await, [""; 0]);
}

/// The names in the accessibility tree, by role.
async fn heard(browser: &Browser) -> BTreeMap<String, Vec<String>> {
    browser.command("Accessibility.enable", json!({})).await;
    let tree = browser
        .command("Accessibility.getFullAXTree", json!({}))
        .await;
    let mut heard = BTreeMap::<String, Vec<String>>::new();
    let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
    for node in tree["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|node| node["ignored"] == false)
    {
        heard
            .entry(text(&node["role"]))
            .or_default()
            .push(text(&node["name"]));
    }
    heard
}

async fn waits_for(browser: &Browser, condition: &str) {
    let step = Duration::from_millis(100);
    for _ in 0..600 {
        if browser.value::<bool>(condition).await {
            return;
        }
        tokio::time::sleep(step).await;
    }
    panic!(
        "never: {condition}: {}",
        browser.value::<String>("location.href").await
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_reloads_itself_and_keeps_its_query() {
    let (_demo, url) = demo().await;
    let browser = Browser::start().await;
    browser.open(&format!("{url}/?q=shop")).await;
    browser.value::<()>("void (window.isOld = true)").await;
    waits_for(
        &browser,
        "!window.isOld && location.search === '?q=shop' && document.readyState === 'complete'",
    )
    .await;
    let filter: String = browser.value("document.querySelector('#q').value").await;
    assert_eq!(filter, "shop");
    assert!(
        get(&format!("{url}/metrics"))
            .await
            .contains("handler=\"landing\"")
    );
}
