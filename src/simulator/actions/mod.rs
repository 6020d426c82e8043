//! The actions that the simulator plays.

use bytes::Bytes;
use http::Request;
use serde_json::Value;

use super::{
    parameters::{self, Parameter, Parameters},
    reply::SimulatedError,
    situation::Situation,
};

mod accounts;
mod images;
mod scans;
#[cfg(test)]
mod tests;

use ActionAnswer::{Always, OrError};

/// An action of the API.
#[derive(Debug)]
pub(super) struct SimulatedAction {
    pub(super) name: &'static str,
    parameters: &'static [Parameter],
    answer: ActionAnswer,
}

/// How an action is answered.
#[derive(Debug)]
enum ActionAnswer {
    Always(fn(&Situation<'_>, &Parameters) -> Value),
    OrError(fn(&Situation<'_>, &Parameters) -> Result<Value, SimulatedError>),
}

const fn action(
    name: &'static str,
    parameters: &'static [Parameter],
    answer: ActionAnswer,
) -> SimulatedAction {
    SimulatedAction {
        name,
        parameters,
        answer,
    }
}

const CATEGORY: &[Parameter] = &[Parameter::category("CategoryType")];

static ACTIONS: [SimulatedAction; 16] = [
    action(
        "DescribeVulScanInfo",
        &[
            Parameter::integer("LocalTaskID"),
            Parameter::integer("RegistryTaskID"),
        ],
        OrError(scans::vul_scan_info),
    ),
    action("DescribeTcssSummary", &[], Always(accounts::summary)),
    action("DescribeVulSummary", &[], Always(images::vul_summary)),
    action("DescribeVulLevelSummary", CATEGORY, Always(images::levels)),
    action("DescribeImageRiskSummary", &[], Always(images::risks)),
    action("DescribeAssetSummary", &[], Always(accounts::assets)),
    action("DescribePurchaseStateInfo", &[], Always(accounts::purchase)),
    action(
        "DescribeImageAuthorizedInfo",
        &[],
        Always(accounts::licences),
    ),
    action(
        "DescribeAssetImageScanSetting",
        &[],
        Always(scans::local_setting),
    ),
    action(
        "DescribeImageRegistryTimingScanTask",
        &[],
        Always(scans::registry_setting),
    ),
    action(
        "DescribeAssetImageScanTask",
        &[],
        Always(scans::image_scan_task),
    ),
    action(
        "DescribeAssetImageScanStatus",
        &[Parameter::text("TaskID")],
        OrError(scans::image_scan_status),
    ),
    action(
        "DescribeVirusScanTaskStatus",
        &[Parameter::text("TaskID")],
        Always(scans::virus_scan),
    ),
    action("DescribeVulImageSummary", &[], Always(images::database)),
    action(
        "DescribeVulScanLocalImageList",
        &[
            Parameter::required_integer("TaskID"),
            Parameter::integer("Limit"),
            Parameter::integer("Offset"),
            Parameter::text("By"),
            Parameter::text("Order"),
        ],
        OrError(images::list),
    ),
    action("DescribeVulTopRanking", CATEGORY, Always(images::ranking)),
];

impl SimulatedAction {
    pub(super) fn find(name: &str) -> Option<&'static SimulatedAction> {
        ACTIONS.iter().find(|action| action.name == name)
    }

    pub(super) fn answer(
        &self,
        request: &Request<Bytes>,
        situation: &Situation<'_>,
    ) -> Result<Value, SimulatedError> {
        let parameters = parameters::parse(request, self.parameters)?;
        match self.answer {
            Always(answer) => Ok(answer(situation, &parameters)),
            OrError(answer) => answer(situation, &parameters),
        }
    }
}
