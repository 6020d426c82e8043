//! The page at `/`.

use crate::build_info;

/// A page with links. `telemetry_path` was checked to be a plain path.
pub(super) fn page(telemetry_path: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>tcss-exporter</title>\n</head>\n<body>\n<h1>tcss-exporter</h1>\n\
         <p>Vulnerability scans of Tencent Cloud Container Security Service, as Prometheus metrics.</p>\n<ul>\n\
         <li><a href=\"{path}\">Metrics</a></li>\n\
         <li><a href=\"/-/ready\">Ready?</a> Was every scan tried once?</li>\n\
         <li><a href=\"/-/healthy\">Healthy?</a></li>\n</ul>\n<p>Version {version}, revision {revision}</p>\n\
         </body>\n</html>\n",
        path = escaped(telemetry_path),
        version = build_info::VERSION,
        revision = build_info::REVISION,
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
