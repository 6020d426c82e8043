//! The Chinese pages say what the English ones say, as far as structure can tell, and keep to the rules under "Chinese
//! texts" in `docs/development.md`.

use std::{collections::BTreeSet, fs, path::Path};

/// Each English page with the Chinese one.
const PAGES: [(&str, &str); 6] = [
    ("README.md", "README.zh-CN.md"),
    ("docs/configuration.md", "docs/zh-CN/configuration.md"),
    ("docs/credentials.md", "docs/zh-CN/credentials.md"),
    ("docs/install.md", "docs/zh-CN/install.md"),
    ("docs/metrics.md", "docs/zh-CN/metrics.md"),
    ("docs/runbook.md", "docs/zh-CN/runbook.md"),
];

/// Code that only the Chinese pages name, since it is about the Chinese language.
const ONLY_IN_CHINESE: [&str; 10] = [
    "?lang=en",
    "?lang=zh-CN",
    "Accept-Language",
    "api.language: zh-CN",
    "dashboards.language",
    "dashboards/alertmanager.zh-CN.yml",
    "dashboards/rules/tcss.zh-CN.yml",
    "dashboards/zh-CN/*.json",
    "prometheusRule.language",
    "zh-CN",
];

/// The parts of each section of the runbook, in this order.
const PARTS: [&str; 7] = [
    "含义",
    "影响",
    "初步排查",
    "可能原因",
    "处理方法",
    "调整",
    "触发方法",
];

/// Words that the pages must not use, and those that they use instead.
const TERMS: [(&str, &str); 14] = [
    ("帐号", "账号"),
    ("帐户", "账户"),
    ("登陆", "登录"),
    ("报警", "告警"),
    ("警报", "告警"),
    ("阀值", "阈值"),
    ("仪表板", "仪表盘"),
    ("凭据", "凭证"),
    ("收集器", "采集器"),
    ("限流", "限频"),
    ("过旧", "陈旧"),
    ("续租", "续约"),
    ("许可证数", "授权数"),
    ("你", "您"),
];

/// A page, taken apart.
#[derive(Default)]
struct Page {
    sections: Vec<Section>,
    /// Every line outside of code, with its number. Of a row of a table, each cell.
    texts: Vec<(usize, String)>,
}

/// What follows a heading, up to the next one.
#[derive(Default)]
struct Section {
    /// Empty before the first heading.
    heading: String,
    /// With the language of the block in the first line.
    blocks: Vec<String>,
    tables: Vec<Vec<Vec<String>>>,
    /// Its lines outside of blocks and tables, as one.
    prose: String,
}

impl Section {
    fn level(&self) -> usize {
        self.heading.chars().take_while(|c| *c == '#').count()
    }
}

fn text(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

impl Page {
    fn read(name: &str) -> Page {
        Page::parse(&text(name))
    }

    fn parse(text: &str) -> Page {
        let mut page = Page::default();
        page.sections.push(Section::default());
        let mut lines = (1..).zip(text.lines()).peekable();
        let mut before = "";
        while let Some((number, line)) = lines.next() {
            let section = page.sections.last_mut().unwrap();
            if line.trim_start().starts_with("```") {
                let rest = lines.by_ref().map(|(_, line)| line);
                let block: Vec<&str> = rest.take_while(|line| line.trim() != "```").collect();
                section.blocks.push(format!("{line}\n{}", block.join("\n")));
            } else if line.starts_with("    ") && before.is_empty() {
                let mut block = line.to_owned();
                while let Some((_, line)) = lines.next_if(|(_, line)| line.starts_with("    ")) {
                    block = format!("{block}\n{line}");
                }
                section.blocks.push(block);
            } else if line.starts_with('#') {
                page.texts
                    .push((number, line.trim_start_matches('#').trim().to_owned()));
                page.sections.push(Section {
                    heading: line.to_owned(),
                    ..Section::default()
                });
            } else if line.starts_with('|') {
                let cells = line.trim_matches('|').split('|').map(str::trim);
                let row: Vec<String> = cells.map(str::to_owned).collect();
                page.texts
                    .extend(row.iter().map(|cell| (number, cell.clone())));
                if !before.starts_with('|') {
                    section.tables.push(Vec::new());
                }
                section.tables.last_mut().unwrap().push(row);
            } else {
                section.prose.push_str(line);
                section.prose.push(' ');
                page.texts.push((number, line.trim_start().to_owned()));
            }
            before = line;
        }
        page
    }
}

/// What is in backticks, in order.
fn code(text: &str) -> Vec<String> {
    let parts = text.split('`').skip(1).step_by(2);
    parts.map(str::to_owned).collect()
}

/// Where the links within the project lead, sorted: the English page, or the file, and the position of the heading there.
fn links(page: &str, section: &Section) -> Vec<(String, usize)> {
    let cells = section.tables.iter().flatten().flatten();
    let cells = cells.map(String::as_str);
    let texts = cells.chain([section.prose.as_str()]);
    let targets = texts.flat_map(|text| text.split("](").skip(1));
    let targets = targets.map(|rest| rest.split(')').next().unwrap());
    let mut links: Vec<_> = targets
        .filter(|target| !target.contains("://"))
        .map(|target| destination(page, target))
        .collect();
    links.sort();
    links
}

fn destination(page: &str, target: &str) -> (String, usize) {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let mut path: Vec<&str> = page.split('/').collect();
    if !file.is_empty() {
        path.pop();
    }
    for part in file.split('/') {
        match part {
            ".." => drop(path.pop()),
            "" => {}
            name => path.push(name),
        }
    }
    let path = path.join("/");
    let position = if anchor.is_empty() {
        0
    } else {
        let sections = Page::read(&path).sections;
        let position = sections.iter().position(|section| {
            let heading = section.heading.trim_start_matches('#').trim();
            heading.to_lowercase().replace(' ', "-") == anchor
        });
        position.unwrap_or_else(|| panic!("{page}: {target}"))
    };
    let pair = PAGES.iter().find(|(_, chinese)| *chinese == path);
    let english = pair.map_or_else(
        || path.replace("zh-CN/", ""),
        |(english, _)| (*english).to_owned(),
    );
    (english, position)
}

/// Calls `check` with the sections of the English page and those of the Chinese one.
fn each_section(check: impl Fn(&str, &Section, &Section)) {
    for (english, chinese) in PAGES {
        let (english, page) = (Page::read(english), Page::read(chinese));
        for (english, section) in english.sections.iter().zip(&page.sections) {
            let place = format!("{chinese}, {}", section.heading);
            check(&place, english, section);
        }
    }
}

#[test]
fn each_page_begins_with_a_link_to_the_other_language() {
    for (english, chinese) in PAGES {
        let up = "../".repeat(chinese.matches('/').count() - english.matches('/').count());
        let name = english.rsplit('/').next().unwrap();
        let from = format!("English | [简体中文]({})", chinese.replace("docs/", ""));
        let back = format!("[English]({up}{name}) | 简体中文");
        assert_eq!(text(english).lines().next(), Some(from.as_str()));
        assert_eq!(text(chinese).lines().next(), Some(back.as_str()));
    }
}

#[test]
fn the_headings_have_the_same_levels_and_alerts_and_collectors_their_names() {
    for (english, chinese) in PAGES {
        let (english, page) = (Page::read(english), Page::read(chinese));
        let outline =
            |page: &Page| -> Vec<usize> { page.sections.iter().map(Section::level).collect() };
        let pairs = english.sections.iter().zip(&page.sections);
        for (english, section) in pairs {
            let place = format!("{chinese}: {} for {}", section.heading, english.heading);
            assert_eq!(section.level(), english.level(), "{place}");
            let name = english.heading.trim_start_matches(['#', ' ']);
            let is_name = name.starts_with("Tcss") || !name.starts_with(char::is_uppercase);
            if is_name && chinese != "README.zh-CN.md" {
                assert_eq!(section.heading, english.heading, "{chinese}");
            }
        }
        assert_eq!(outline(&page), outline(&english), "{chinese}");
    }
}

#[test]
fn code_blocks_are_the_same() {
    each_section(|place, english, section| {
        assert_eq!(section.blocks, english.blocks, "{place}");
    });
}

#[test]
fn tables_have_the_same_rows_with_the_same_code() {
    let words = |row: &[String]| -> BTreeSet<String> {
        let cells = row.iter();
        cells.flat_map(|cell| code(cell)).collect()
    };
    each_section(|place, english, section| {
        assert_eq!(section.tables.len(), english.tables.len(), "{place}");
        for (english, table) in english.tables.iter().zip(&section.tables) {
            for (english, row) in english.iter().zip(table) {
                assert_eq!(row.len(), english.len(), "{place}: {row:?}");
                assert_eq!(words(row), words(english), "{place}: {row:?}");
                assert_eq!(code(&row[0]), code(&english[0]), "{place}: {row:?}");
            }
            assert_eq!(table.len(), english.len(), "{place}");
        }
    });
}

#[test]
fn sections_name_the_same_code() {
    each_section(|place, english, section| {
        let words = |section: &Section| -> BTreeSet<String> {
            let words = code(&section.prose).into_iter();
            words
                .filter(|word| !ONLY_IN_CHINESE.contains(&word.as_str()))
                .collect()
        };
        assert_eq!(words(section), words(english), "{place}");
    });
}

#[test]
fn links_lead_to_the_same_places() {
    for (english, chinese) in PAGES {
        let (sections, others) = (Page::read(english).sections, Page::read(chinese).sections);
        for (section, other) in sections.iter().zip(&others) {
            let (expected, found) = (links(english, section), links(chinese, other));
            assert_eq!(found, expected, "{chinese}, {}", other.heading);
        }
    }
}

#[test]
fn each_section_of_the_runbook_has_all_seven_parts() {
    let page = text("docs/zh-CN/runbook.md");
    let sections = page.split("\n## ").filter(|text| text.starts_with("Tcss"));
    assert!(sections.clone().count() > 40);
    for section in sections {
        let parts = section.lines().filter_map(|line| {
            let (part, rest) = line.strip_prefix("**")?.split_once("**：")?;
            assert!(!rest.is_empty() || part == "初步排查", "{section}");
            Some(part)
        });
        assert_eq!(parts.collect::<Vec<_>>(), PARTS, "{section}");
    }
}

#[test]
fn pages_use_one_term_for_one_thing() {
    for (_, name) in PAGES {
        for (number, text) in Page::read(name).texts {
            for (other, term) in TERMS {
                assert!(
                    !text.contains(other),
                    "{name}:{number}: {term}, not {other}"
                );
            }
        }
    }
}

#[test]
fn pages_keep_the_rules_of_typography() {
    let mut problems = Vec::new();
    for (_, name) in PAGES {
        for (number, text) in Page::read(name).texts {
            if let Some(problem) = typography(&text) {
                problems.push(format!("{name}:{number}: {problem}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The first place where `text` breaks a rule.
fn typography(text: &str) -> Option<String> {
    // Spaces around a link or emphasis are welcome.
    let written: Vec<char> = text.chars().collect();
    let is_gap = |at: &[char]| is_cjk(at[0]) && at[1] == ' ' && is_cjk(at[2]);
    if let Some(gap) = written.windows(3).find(|at| is_gap(at)) {
        return Some(format!("no space within Chinese: {gap:?}"));
    }
    if text.contains(" %") {
        return Some("no space before a percent sign".to_owned());
    }
    let chars: Vec<char> = visible(text).chars().collect();
    for (index, pair) in chars.windows(2).enumerate() {
        let (a, b) = (pair[0], pair[1]);
        let rule = if is_cjk(a) && is_latin(b) || is_latin(a) && is_cjk(b) {
            "a space between Chinese and Latin"
        } else if is_wide(a) && is_half_width(b) || is_half_width(a) && is_wide(b) {
            "full-width punctuation beside Chinese"
        } else if is_punctuation(a) && b == ' ' || a == ' ' && is_punctuation(b) {
            "no space beside full-width punctuation"
        } else {
            continue;
        };
        let around = &chars[index.saturating_sub(8)..chars.len().min(index + 10)];
        return Some(format!("{rule}: {}", around.iter().collect::<String>()));
    }
    None
}

/// What a reader sees: code and addresses as one letter, links as their text, no emphasis.
fn visible(text: &str) -> String {
    let mut parts = text.split('`');
    let mut plain = parts.next().unwrap().to_owned();
    let mut is_code = true;
    for part in parts {
        plain.push_str(if is_code { "x" } else { part });
        is_code = !is_code;
    }
    while let Some((start, rest)) = plain.split_once("](") {
        let (target, end) = rest.split_once(')').expect("a link has an end");
        assert!(!target.contains(' '), "{text}");
        plain = format!("{start}\u{0}{end}");
    }
    while let Some((start, rest)) = plain.split_once("<http") {
        let (_, end) = rest.split_once('>').expect("an address has an end");
        plain = format!("{start}x{end}");
    }
    plain.retain(|c| !matches!(c, '*' | '[' | '!' | '\u{0}'));
    plain
}

fn is_cjk(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

fn is_latin(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '%'
}

fn is_half_width(c: char) -> bool {
    matches!(c, ',' | '.' | ':' | ';' | '?' | '(' | ')' | '"' | '\'')
}

/// Full-width punctuation.
fn is_punctuation(c: char) -> bool {
    "，。：；、？！（）“”《》".contains(c)
}

fn is_wide(c: char) -> bool {
    is_cjk(c) || is_punctuation(c)
}

#[test]
fn typography_finds_what_breaks_a_rule() {
    for good in [
        "最近一次扫描",
        "指标 `tcss_up`、标签（`scan`）：值为 0。",
        "参见 [故障排查](#故障排查)。",
        "**含义**：扫描进度为 62.5%，剩余 10 秒",
        "在 **配置** 中，参见 [指标](#a) 一节",
        "打开 <http://localhost/>，查看状态",
        "Prometheus, Alertmanager",
    ] {
        assert_eq!(typography(good), None, "{good}");
    }
    for (bad, rule) in [
        ("扫描,完成", "full-width"),
        ("扫描(进度)", "full-width"),
        ("参见 [故障排查](#a).", "full-width"),
        ("指标`tcss_up`", "a space"),
        ("5个账号", "a space"),
        ("50% 的账号，20%以上", "a space"),
        ("50 % 的账号", "no space before"),
        ("扫描 完成", "no space within"),
        ("扫描， 完成", "no space"),
        ("值为 `0` 。", "no space"),
    ] {
        let problem = typography(bad).unwrap_or_else(|| panic!("{bad}"));
        assert!(problem.starts_with(rule), "{bad}: {problem}");
    }
}
