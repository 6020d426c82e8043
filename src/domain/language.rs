//! The languages of texts for people. The command line and the log are in English only.

/// A language of the status page, and of the messages of the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    #[default]
    English,
    /// In simplified characters.
    Chinese,
}

impl Language {
    pub const ALL: [Language; 2] = [Language::English, Language::Chinese];

    /// As in HTML and in the URLs of the status page.
    pub const fn tag(self) -> &'static str {
        self.text("en", "zh-CN")
    }

    /// As in `X-TC-Language` and in the configuration.
    pub const fn api_tag(self) -> &'static str {
        self.text("en-US", "zh-CN")
    }

    /// The name of the language, in the language itself.
    pub const fn name(self) -> &'static str {
        self.text("English", "中文")
    }

    /// The one of two texts with the same meaning that is in this language. All texts are written
    /// side by side, so that none is without a translation.
    pub const fn text<'a>(self, english: &'a str, chinese: &'a str) -> &'a str {
        match self {
            Language::English => english,
            Language::Chinese => chinese,
        }
    }
}

/// A text in every language, for tables of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    pub en: &'static str,
    pub zh: &'static str,
}

impl Text {
    pub const fn new(en: &'static str, zh: &'static str) -> Text {
        Text { en, zh }
    }

    pub const fn of(self, language: Language) -> &'static str {
        language.text(self.en, self.zh)
    }
}
