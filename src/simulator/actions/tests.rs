//! The answers agree with each other.

use std::time::Duration;

use http::Request;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::simulator::Scenario;

const SCENARIO: &str = "
identities:
  - name: shop
    secret_id: AKIDshop
    secret_key: key
    licence: {expires_in: 1h, images: 300}
    assets: {containers: 90, malware: 3, unscanned_images: 5, failed_images: 2, hosts_without_agent: 1}
    scans:
      - {takes: 5m, pause: 5m, local_images: 214, registry_images: 40, local_vulnerabilities: 512,
         registry_vulnerabilities: 77, risk_images: 47}
      - {takes: 5m, pause: 5m, local_images: 7, local_vulnerabilities: 3, risk_images: 2, cancel_at: 50}
      - {takes: 4m, pause: 1m, registry_images: 5, registry_vulnerabilities: 9, risk_images: 4}
";

/// Answers at one moment.
struct Answers {
    scenario: Scenario,
    elapsed: Duration,
}

impl Answers {
    fn at(minutes: f64) -> Answers {
        Answers {
            scenario: Scenario::parse(SCENARIO).unwrap(),
            elapsed: Duration::from_secs_f64(minutes * 60.0),
        }
    }

    fn of(&self, action: &str, parameters: &Value) -> Value {
        let start: Timestamp = "2025-11-24T16:00:00Z".parse().unwrap();
        let situation = Situation {
            identity: &self.scenario.identities[0],
            start,
            elapsed: self.elapsed,
        };
        let request = Request::post("/")
            .body(Bytes::from(parameters.to_string()))
            .unwrap();
        let action = SimulatedAction::find(action).unwrap();
        action.answer(&request, &situation).unwrap()
    }

    fn count(&self, action: &str, field: &str) -> u64 {
        self.of(action, &json!({}))[field].as_u64().unwrap()
    }

    fn levels(&self, category: &str) -> u64 {
        let answer = self.of(
            "DescribeVulLevelSummary",
            &json!({"CategoryType": category}),
        );
        let counts = answer.as_object().unwrap().values();
        counts.map(|count| count.as_u64().unwrap()).sum()
    }

    /// All pages of a list.
    fn images(&self, task_id: u64) -> Vec<Value> {
        let mut images = Vec::new();
        loop {
            let parameters = json!({"TaskID": task_id, "Limit": 100, "Offset": images.len()});
            let page = self.of("DescribeVulScanLocalImageList", &parameters);
            let items = page["List"].as_array().unwrap();
            images.extend_from_slice(items);
            if items.is_empty() {
                assert_eq!(page["TotalCount"], images.len());
                return images;
            }
        }
    }
}

fn vulnerabilities(image: &Value) -> u64 {
    let levels = ["Critical", "High", "Medium", "Low"];
    let counts = levels.map(|level| image[format!("{level}LevelVulCount")].as_u64().unwrap());
    counts.iter().sum()
}

proptest! {
    #[test]
    fn all_answers_agree_at_any_time(minutes in 0.0..200.0) {
        let answers = Answers::at(minutes);
        let scan = answers.of("DescribeVulScanInfo", &json!({}));
        let at_risk = answers.count("DescribeTcssSummary", "RiskLocalImageCnt")
            + answers.count("DescribeTcssSummary", "RiskRepositoryImageCnt");
        prop_assert_eq!(at_risk, answers.count("DescribeAssetSummary", "ImageUnsafeCnt"));
        prop_assert_eq!(at_risk, answers.count("DescribeVulSummary", "SeriousVulNewestImageCount"));
        let total = answers.count("DescribeVulSummary", "VulTotalCount");
        prop_assert_eq!(answers.levels("SYSTEM") + answers.levels("WEB"), total);
        prop_assert_eq!(answers.count("DescribeTcssSummary", "RiskVulCnt"), total);
        if scan["Status"] == "SCANNED" {
            prop_assert_eq!(&scan["FoundRiskImageCount"], at_risk);
            let found = ["FoundVulCount", "RegistryFoundVulCount"].map(|field| scan[field].as_u64().unwrap());
            prop_assert_eq!(found[0] + found[1], total);
            if scan["LocalTaskID"] != 0 {
                let images = answers.images(scan["LocalTaskID"].as_u64().unwrap());
                let sum: u64 = images.iter().map(vulnerabilities).sum();
                prop_assert_eq!(sum, found[0], "the images add up");
                prop_assert_eq!(images.len() as u64, scan["LocalImageScanCount"].as_u64().unwrap());
                let failed = images.iter().filter(|image| image["ScanStatus"] == "FAILED");
                prop_assert!(failed.count() <= 2);
            }
        }
    }
}

#[test]
fn a_licence_that_runs_out_stops_scans_and_makes_scheduled_ones_fail() {
    let result = |minutes| {
        let answers = Answers::at(minutes);
        let setting = answers.of("DescribeAssetImageScanSetting", &json!({}));
        let registry = answers.of("DescribeImageRegistryTimingScanTask", &json!({}));
        assert_eq!(setting["ScanResult"], registry["ScanResult"]);
        let state = answers.count("DescribePurchaseStateInfo", "State");
        (
            state,
            setting["ScanResult"].clone(),
            answers.of("DescribeVulScanInfo", &json!({})),
        )
    };
    let (state, scheduled, _) = result(59.0);
    assert_eq!((state, scheduled), (3, json!("Success")));
    let (state, scheduled, last) = result(75.0);
    assert_eq!((state, scheduled), (4, json!("InsufficientLicense")));
    let (_, _, much_later) = result(100_000.0);
    assert_eq!(much_later, last, "no scan has started since");
}

#[test]
fn more_images_than_licences_make_scheduled_scans_fail() {
    let mut answers = Answers::at(9.0);
    answers.scenario.identities[0].licence.images = 258;
    let setting = |answers: &Answers| answers.of("DescribeAssetImageScanSetting", &json!({}));
    assert_eq!(setting(&answers)["ScanResult"], "InsufficientLicense");
    assert_eq!(
        answers.count("DescribeImageAuthorizedInfo", "UsedAuthorizedCnt"),
        258
    );
    answers.scenario.identities[0].licence.images = 259;
    assert_eq!(setting(&answers)["ScanResult"], "Success");
}
