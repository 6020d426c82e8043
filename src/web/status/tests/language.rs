//! The pages in each language.

use super::*;

/// Pages with everything that they can show, in one language.
fn pages_in(language: Language) -> Vec<String> {
    let lang = format!("&lang={}", language.tag());
    let names: Vec<String> = (0..ROWS_PER_PAGE + 100).map(|n| format!("a-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = World::new(&names);
    for (job, reason) in Reason::ALL.into_iter().enumerate() {
        world.answers(job, SCANNING);
        world.fails(job, reason);
    }
    world.fails(0, Reason::Auth);
    let mut job = Reason::ALL.len();
    let mut answer = |world: &World, answer: &str| {
        world.answers(job, answer);
        job += 1;
    };
    answer(&world, SCANNING);
    answer(&world, SCANNING);
    for status in ["NOT_SCAN", "SCANNED", "CANCELED", "SCAN_TIMEOUT"] {
        let ended = "\"ScanEndTime\":\"2025-11-24 23:55:00\"";
        let text = SCANNING.replace("SCANNING", status);
        answer(&world, &text.replace("\"ScanEndTime\":\"\"", ended));
    }
    answer(&world, &SCANNING.replace("250", "0"));
    answer(&world, r#"{"Status":"SCANNED","RegistryFoundVulCount":9}"#);
    let mut pages = Vec::new();
    for query in ["", "page=2", "q=a-1&refresh=off", "q=a-1", "q=none"] {
        pages.push(world.page(&format!("{query}{lang}")));
    }
    world.now = world.now.after(Duration::from_mins(40));
    // A scan that makes no progress; the others are stale.
    world.answers(Reason::ALL.len(), SCANNING);
    pages.push(world.page(&lang));
    pages.push(World::new(&[]).page(&lang));
    for standing in standings() {
        let leadership = Leadership::fixed(standing);
        let info = ServerInfo {
            started: world.now,
            telemetry_path: "/metrics",
            shard: Some("0/3"),
            leadership: Some(&leadership),
        };
        let view = world.view(Duration::ZERO, &lang);
        pages.push(page(&Table::default(), view, &parse(&lang), info));
    }
    let credentials = Arc::new(CredentialsStatus::default());
    let name = AccountName::parse("a-0").unwrap();
    let account = AccountEntry::new(&name, &credentials, Vec::new(), AccountInfo::default());
    world.table.accounts.push(Arc::new(account));
    let view = world.view(Duration::ZERO, &lang);
    pages.push(account_page(&world.table, "a-0", view).unwrap());
    pages
}

/// `page` without what is the same in every language: code, text from outside, names, the style sheet.
fn translated(page: &str) -> String {
    let mut text = page.to_owned();
    for element in ["code", "bdi", "style", "h1", "title", "strong"] {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        let mut rest = String::new();
        for (index, part) in text.split(&open).enumerate() {
            let part = match part.split_once(&close) {
                Some((_, after)) if index > 0 => after,
                _ => part,
            };
            rest.push_str(part);
        }
        text = rest;
    }
    let mut words = words_of(&text);
    for attribute in ["aria-label=\"", "title=\"", "data-label=\""] {
        for value in page.split(attribute).skip(1) {
            words.push_str(" | ");
            words.push_str(value.split('"').next().unwrap());
        }
    }
    words
}

/// Runs of three and more words in Latin letters.
fn english(text: &str) -> Vec<String> {
    let mut runs = vec![Vec::new()];
    for word in text.split(' ') {
        let is_word = word.is_ascii() && word.starts_with(|c: char| c.is_ascii_alphabetic());
        if is_word && word != "n/a" {
            runs.last_mut().unwrap().push(word);
        } else {
            runs.push(Vec::new());
        }
    }
    runs.retain(|run| run.len() >= 3);
    runs.into_iter().map(|run| run.join(" ")).collect()
}

#[test]
fn a_page_in_chinese_has_no_sentence_in_english() {
    for page in pages_in(Language::Chinese) {
        let text = translated(&page);
        assert_eq!(english(&text), [""; 0]);
        assert!(page.contains("<html lang=\"zh-CN\">"));
    }
    // The same search finds sentences.
    for page in pages_in(Language::English) {
        assert!(!english(&translated(&page)).is_empty());
        assert!(page.contains("<html lang=\"en\">"));
    }
}

#[test]
fn a_page_in_english_has_no_chinese() {
    let is_chinese = |c: char| ('\u{3000}'..='\u{9fff}').contains(&c) || c > '\u{ff00}';
    for page in pages_in(Language::English) {
        // The link to the page in Chinese, and the fonts.
        let page = page.replace(">中文</a>", "");
        assert!(!page.contains(is_chinese), "{page}");
    }
}

#[test]
fn a_page_has_the_same_elements_in_every_language() {
    let [english, chinese] = Language::ALL.map(pages_in);
    assert_eq!(english.len(), chinese.len());
    for (english, chinese) in english.iter().zip(&chinese) {
        // The order of words differs.
        let [mut english, mut chinese] = [skeleton(english), skeleton(chinese)];
        english.sort();
        chinese.sort();
        assert_eq!(english, chinese);
    }
}

#[test]
fn values_have_chinese_words_and_units() {
    let world = World::new(&["prod"]);
    let lang = "lang=zh-CN";
    assert!(row(&world.page(lang), "prod").starts_with("prod latest 等待首次轮询 – 无数据"));
    world.answers(0, SCANNING);
    world.table.jobs[0].set_next_poll(world.now.monotonic + Duration::from_secs(10));
    let page = world.page_at(Duration::from_secs(3), lang);
    assert_eq!(
        row(&page, "prod"),
        "prod latest 扫描中 20 分钟前 开始 33.5% 剩余 4 分钟 1,234,567 7 9 1 3 秒前 7 秒后"
    );
    assert_eq!(
        counts(&page),
        "0 失败 0 陈旧 0 停滞 0 等待中 1 扫描中 0 正常"
    );
    assert!(page.contains("aria-label=\"prod，latest 的扫描进度\""));
    let stale = row(&world.page_at(Duration::from_secs(301), lang), "prod");
    assert!(stale.contains(" 5 分钟前 自 16:05:00 起陈旧 "), "{stale}");
    world.fails(0, Reason::Network);
    let failing = row(&world.page_at(Duration::from_secs(120), lang), "prod");
    assert!(
        failing.contains(
            "network 连接失败或中断。 处理方法： 检查 DNS、防火墙和代理。HTTPS_PROXY 和 NO_PROXY 生效，但不适用于回环地址。"
        ),
        "{failing}"
    );
    assert!(
        failing.ends_with(" 最近一次轮询失败： 2 分钟前"),
        "{failing}"
    );
    world.fails(0, Reason::Network);
    let page = world.page_at(Duration::from_secs(120), lang);
    assert!(row(&page, "prod").ends_with(" 连续 2 次轮询失败，最近一次： 2 分钟前"));
    assert!(page.contains("<title>1 失败 · tcss-exporter</title>"));
}

#[test]
fn the_language_of_the_url_is_kept_by_every_link_and_the_form() {
    let world = World::new(&["prod"]);
    let page = world.page("q=prod&refresh=off&lang=zh-CN");
    for link in [
        "./?refresh=off&amp;lang=zh-CN\">显示全部",
        "./?q=prod&amp;lang=zh-CN\">恢复自动刷新",
        "./accounts/prod?lang=zh-CN\">",
    ] {
        assert!(page.contains(&format!("<a href=\"{link}")), "{link}");
    }
    assert!(page.contains("<input type=\"hidden\" name=\"lang\" value=\"zh-CN\">"));
    let switch =
        "<a href=\"./?q=prod&amp;refresh=off&amp;lang=en\" lang=\"en\" hreflang=\"en\">English</a>";
    assert!(page.contains(switch), "{page}");
    assert!(!page.contains("中文"));

    // Without it, the browser chooses.
    let page = world.page("q=prod");
    assert_eq!(page.matches("lang=zh-CN").count(), 1, "only the switch");
    assert!(page.contains("lang=\"zh-CN\" hreflang=\"zh-CN\">中文</a>"));
    assert!(!page.contains("name=\"lang\""));
    let view = View::new(world.now, None, Language::Chinese);
    assert_eq!((view.language, view.is_chosen), (Language::Chinese, false));
    let view = View::new(world.now, Some(Language::English), Language::Chinese);
    assert_eq!((view.language, view.is_chosen), (Language::English, true));
}
