//! The explanations at the end of the page.

use maud::{Markup, html};

use super::{
    listing::RowState,
    parts::{View, shape},
};
use crate::domain::Text;

pub(super) fn help(view: View) -> Markup {
    html! {
        footer #help {
            h2 { (view.text("How to read this page", "如何阅读本页")) }
            dl {
                @for (state, title) in TITLES {
                    div {
                        dt { (shape(state.class())) (title.of(view.language)) }
                        dd { (explanation(state, view)) }
                    }
                }
                div {
                    dt { (view.text("– and n/a", "– 与 n/a")) }
                    dd {
                        (view.text(
                            "–: no value, because no poll has succeeded yet or its values are stale. \
                             n/a: the API response had no readable value.",
                            "–：没有值，因为还没有成功的轮询，或者其值已陈旧。n/a：API 响应中没有可读取的值。",
                        ))
                    }
                }
                div {
                    dt { (view.text("Last success", "上次成功")) }
                    dd {
                        (view.text(
                            "When the last successful poll was sent. Hover over a time to see it \
                             exactly, in UTC.",
                            "最近一次成功的轮询的发出时间。将鼠标悬停在时间上可查看精确时间（UTC）。",
                        ))
                    }
                }
            }
            p {
                (view.text(
                    "The exporter polls the API on its own schedule. Loading this page makes no API \
                     calls. Failure reasons, metrics, flags and configuration files are documented in ",
                    "Exporter 按自己的计划轮询 API，打开本页不会调用 API。失败原因、指标、命令行参数与配置文件的说明见 ",
                ))
                @let comma = view.text(", ", "、");
                code { (view.text("README.md", "README.zh-CN.md")) } (comma)
                code { (view.text("docs/metrics.md", "docs/zh-CN/metrics.md")) } (comma)
                code { (view.text("docs/configuration.md", "docs/zh-CN/configuration.md")) }
                (view.text(" and ", " 与 "))
                code { "docs/operation.md" } (view.text(".", "。"))
            }
        }
    }
}

const TITLES: [(RowState, Text); 6] = [
    (RowState::Failing, Text::new("Failing", "失败")),
    (RowState::Stale, Text::new("Stale", "陈旧")),
    (RowState::Stalled, Text::new("Stalled", "停滞")),
    (RowState::Waiting, Text::new("Waiting", "等待中")),
    (RowState::Scanning, Text::new("Scanning", "扫描中")),
    (RowState::Ok, Text::new("OK", "正常")),
];

fn explanation(state: RowState, view: View) -> Markup {
    let text = |english, chinese| view.text(english, chinese);
    match state {
        RowState::Failing => html! {
            (text(
                "The last poll failed. The values of the last successful poll are shown \
                 until they are stale.",
                "最近一次轮询失败。最近一次成功轮询的值在陈旧之前继续显示。",
            ))
        },
        RowState::Stale => html! {
            (text("The last successful poll is older than ", "距最近一次成功的轮询已超过 "))
            code { "poll.stale_after" }
            (text(
                ". Its values are withheld, here and in the metrics.",
                "，本页和指标中都不再显示其值。",
            ))
        },
        RowState::Stalled => html! {
            (text(
                "The last poll succeeded, and a scan is running that has made no progress \
                 for more than 30 minutes. The alert ",
                "最近一次轮询成功，但进行中的扫描超过 30 分钟没有进展。处理方法见告警 ",
            ))
            code { "TcssScanStuck" } (text(" explains what to do.", "。"))
        },
        RowState::Waiting => html! {
            (text(
                "Waiting for the first poll. First polls are spread over one minute, or over ",
                "等待首次轮询。首次轮询分散在一分钟内；如果 ",
            ))
            code { "poll.interval" } (text(" if that is shorter.", " 更短，则分散在该间隔内。"))
        },
        RowState::Scanning => html! {
            (text(
                "The last poll succeeded, and a scan is running.",
                "最近一次轮询成功，扫描正在进行。",
            ))
        },
        RowState::Ok => html! {
            (text(
                "The last poll succeeded, and no scan is running: ",
                "最近一次轮询成功，没有进行中的扫描：",
            ))
            (shape("ok")) (text("scanned, ", "扫描完成、"))
            (shape("canceled")) (text("canceled, ", "扫描停止、"))
            (shape("never")) (text("never scanned, or ", "未扫描，或"))
            (shape("unknown"))
            (text(
                "unknown, if the API returned an undocumented status.",
                "未知（API 返回了文档中没有的状态）。",
            ))
        },
    }
}
