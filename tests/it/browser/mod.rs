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
    let looks = [
        ("status", DESK, "light"),
        ("status-dark", DESK, "dark"),
        ("status-narrow", PHONE, "light"),
        ("status-narrow-dark", PHONE, "dark"),
        ("status-tablet", TABLET, "light"),
        ("status-small", SMALL, "dark"),
    ];
    let in_chinese = looks.map(|(name, size, scheme)| (format!("{name}-zh"), size, scheme));
    let in_english = looks.map(|(name, size, scheme)| (name.to_owned(), size, scheme));
    for (name, (width, height), scheme) in in_english.into_iter().chain(in_chinese) {
        let lang = if name.ends_with("-zh") { "zh-CN" } else { "en" };
        browser.look(width, height, scheme).await;
        browser.open(&format!("{url}/?lang={lang}")).await;
        assert_eq!(complaints(&browser, width).await, [""; 0], "{name}");
        assert_eq!(missing_glyphs(&browser).await, 0, "{name}");
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

/// Whether the Chinese characters have a font: without one, all of them have the width of the empty box.
async fn missing_glyphs(browser: &Browser) -> usize {
    let script = "(() => { const draw = (text) => { const canvas = document.createElement('canvas').getContext('2d');
        canvas.font = '20px sans-serif'; canvas.fillText(text, 0, 20); return canvas.getImageData(0, 0, 30, 30).data.join(); };
        const box = draw('\\u{10ffff}'); return [...'扫描中文'].filter((text) => draw(text) === box).length; })()";
    browser.value(script).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_an_account_can_be_read_in_both_languages_at_every_width() {
    let (_demo, url) = demo().await;
    let browser = Browser::start().await;
    for account in ["shop", "acquired"] {
        for (width, height) in [PHONE, TABLET, SMALL, DESK] {
            for lang in ["en", "zh-CN"] {
                browser.look(width, height, "light").await;
                let page = format!("{url}/accounts/{account}?lang={lang}");
                browser.open(&page).await;
                assert_eq!(complaints(&browser, width).await, [""; 0], "{page} {width}");
                let shown: String = browser.value("document.documentElement.lang").await;
                assert_eq!(shown, lang);
            }
        }
    }
    assert_eq!(browser.console().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_in_the_language_of_the_browser_until_a_link_changes_it() {
    let (_demo, url) = demo().await;
    let browser = Browser::start().await;
    let agent: String = browser.value("navigator.userAgent").await;
    let accepts = json!({"userAgent": agent, "acceptLanguage": "zh-CN,zh;q=0.9,en;q=0.8"});
    browser
        .command("Emulation.setUserAgentOverride", accepts)
        .await;
    browser.open(&format!("{url}/?refresh=off")).await;
    let is_in = |lang: &str, search: &str| {
        format!(
            "document.documentElement.lang === '{lang}' && location.search === '{search}' \
             && document.readyState === 'complete'"
        )
    };
    waits_for(&browser, &is_in("zh-CN", "?refresh=off")).await;
    let click = |selector: &str| format!("document.querySelector(`{selector}`).click()");
    browser.value::<()>(&click("a[hreflang]")).await;
    waits_for(&browser, &is_in("en", "?refresh=off&lang=en")).await;
    // The language is kept by the form and by the links to and from the page of an account.
    let filter =
        "document.querySelector('#q').value = 'shop'; document.querySelector('form').submit()";
    browser.value::<()>(filter).await;
    waits_for(&browser, &is_in("en", "?q=shop&refresh=off&lang=en")).await;
    browser.value::<()>(&click("tbody a")).await;
    waits_for(&browser, &is_in("en", "?lang=en")).await;
    browser.value::<()>(&click("a[hreflang]")).await;
    waits_for(&browser, &is_in("zh-CN", "?lang=zh-CN")).await;
    browser.value::<()>(&click("nav a")).await;
    waits_for(&browser, &is_in("zh-CN", "?lang=zh-CN")).await;
    waits_for(&browser, "location.pathname === '/'").await;
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
        for lang in ["zh-CN", "en"] {
            browser.look(width, height, "light").await;
            browser
                .open(&format!("{url}/?q=%3Cscript%3E&refresh=off&lang={lang}"))
                .await;
            assert_eq!(complaints(&browser, width).await, [""; 0], "{lang} {width}");
        }
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
        "中文",
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
