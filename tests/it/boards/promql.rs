//! Parsed queries of `PromQL`.

use std::{convert::Infallible, time::Duration};

use promql_parser::{
    label::MatchOp,
    parser::{AggregateExpr, Expr, LabelModifier, VectorSelector, parse},
    util::{ExprVisitor, walk_expr},
};

/// A selector in a query, and the functions directly around it.
#[derive(Clone, Debug)]
pub(super) struct Selector {
    pub(super) name: String,
    /// Label, operator such as `=`, value.
    pub(super) matchers: Vec<(String, String, String)>,
    /// Of `name[range]`.
    pub(super) range: Option<Duration>,
    /// The innermost function around it.
    pub(super) function: Option<&'static str>,
    /// The innermost aggregation around it, and its `by`.
    pub(super) aggregation: Option<(String, Vec<String>)>,
}

/// A query in parts.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) selectors: Vec<Selector>,
    /// Labels that are named outside of selectors: by, without, on, ignoring, `group_left`.
    pub(super) labels: Vec<String>,
    functions: Vec<&'static str>,
    aggregations: Vec<(String, Vec<String>)>,
}

/// Parses a query. `place` is for messages.
#[track_caller]
pub(super) fn parts(place: &str, expression: &str) -> Parts {
    let parsed = parse(expression).unwrap_or_else(|error| panic!("{place}: {error}: {expression}"));
    let mut parts = Parts::default();
    let Ok(is_whole) = walk_expr(&mut parts, &parsed);
    assert!(is_whole, "{place}");
    parts
}

impl ExprVisitor for Parts {
    type Error = Infallible;

    fn pre_visit(&mut self, expression: &Expr) -> Result<bool, Infallible> {
        match expression {
            Expr::Aggregate(aggregate) => {
                let by = by(aggregate);
                self.labels.extend(by.clone());
                self.aggregations.push((aggregate.op.to_string(), by));
            }
            Expr::Call(call) => self.functions.push(call.func.name),
            Expr::Binary(binary) => {
                if let Some(modifier) = &binary.modifier {
                    let matching = modifier.matching.iter().flat_map(labels_of);
                    let included = modifier
                        .card
                        .labels()
                        .into_iter()
                        .flat_map(|labels| labels.labels.clone());
                    self.labels.extend(matching.chain(included));
                }
            }
            Expr::VectorSelector(selector) => self.select(selector, None),
            Expr::MatrixSelector(selector) => self.select(&selector.vs, Some(selector.range)),
            _ => {}
        }
        Ok(true)
    }

    fn post_visit(&mut self, expression: &Expr) -> Result<bool, Infallible> {
        match expression {
            Expr::Aggregate(_) => drop(self.aggregations.pop()),
            Expr::Call(_) => drop(self.functions.pop()),
            _ => {}
        }
        Ok(true)
    }
}

impl Parts {
    fn select(&mut self, selector: &VectorSelector, range: Option<Duration>) {
        let matchers = selector.matchers.matchers.iter();
        let matchers = matchers.map(|it| {
            (
                it.name.clone(),
                operator(&it.op).to_owned(),
                it.value.clone(),
            )
        });
        self.selectors.push(Selector {
            name: selector
                .name
                .clone()
                .expect("every selector names its metric"),
            matchers: matchers.collect(),
            range,
            function: self.functions.last().copied(),
            aggregation: self.aggregations.last().cloned(),
        });
    }
}

fn by(aggregate: &AggregateExpr) -> Vec<String> {
    aggregate.modifier.iter().flat_map(labels_of).collect()
}

fn labels_of(modifier: &LabelModifier) -> Vec<String> {
    modifier.labels().labels.clone()
}

fn operator(op: &MatchOp) -> &'static str {
    match op {
        MatchOp::Equal => "=",
        MatchOp::NotEqual => "!=",
        MatchOp::Re(_) => "=~",
        MatchOp::NotRe(_) => "!~",
    }
}
