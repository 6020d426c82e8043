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

/// An action of the API.
#[derive(Debug)]
pub(super) struct SimulatedAction {
    pub(super) name: &'static str,
    parameters: &'static [Parameter],
    answer: ActionAnswer,
}

type ActionAnswer = fn(&Situation<'_>, &Parameters) -> Result<Value, SimulatedError>;

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
        scans::vul_scan_info,
    ),
    action("DescribeTcssSummary", &[], accounts::summary),
    action("DescribeVulSummary", &[], images::vul_summary),
    action("DescribeVulLevelSummary", CATEGORY, images::levels),
    action("DescribeImageRiskSummary", &[], images::risks),
    action("DescribeAssetSummary", &[], accounts::assets),
    action("DescribePurchaseStateInfo", &[], accounts::purchase),
    action("DescribeImageAuthorizedInfo", &[], accounts::licences),
    action("DescribeAssetImageScanSetting", &[], scans::local_setting),
    action(
        "DescribeImageRegistryTimingScanTask",
        &[],
        scans::registry_setting,
    ),
    action("DescribeAssetImageScanTask", &[], scans::image_scan_task),
    action(
        "DescribeAssetImageScanStatus",
        &[Parameter::text("TaskID")],
        scans::image_scan_status,
    ),
    action(
        "DescribeVirusScanTaskStatus",
        &[Parameter::text("TaskID")],
        scans::virus_scan,
    ),
    action("DescribeVulImageSummary", &[], images::database),
    action(
        "DescribeVulScanLocalImageList",
        &[
            Parameter::required_integer("TaskID"),
            Parameter::integer("Limit"),
            Parameter::integer("Offset"),
            Parameter::text("By"),
            Parameter::text("Order"),
        ],
        images::list,
    ),
    action("DescribeVulTopRanking", CATEGORY, images::ranking),
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
        (self.answer)(situation, &parameters)
    }
}
