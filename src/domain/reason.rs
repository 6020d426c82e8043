//! Why a poll failed: the closed set that metrics, logs and alerts share.

use std::fmt;

use super::Text;

/// Why a request or a poll failed. The value of the label `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Reason {
    /// The API does not accept the credentials.
    Auth,
    /// The credentials are valid but not allowed to call this action.
    Permission,
    /// The account has no role that the exporter may assume.
    NoRole,
    /// Too many requests.
    Throttled,
    /// The API does not accept the request's parameters.
    InvalidRequest,
    /// The scan task does not exist.
    NotFound,
    /// The API reported an internal error, or one that we do not know.
    Server,
    /// The connection failed or was interrupted.
    Network,
    /// No complete response in time.
    Timeout,
    /// The TLS handshake failed.
    Tls,
    /// An HTTP status other than 200.
    HttpStatus,
    /// The response is not valid JSON of the API.
    Decode,
    /// The response exceeds the size limit.
    TooLarge,
    /// There are no credentials to sign requests with.
    Credentials,
}

impl Reason {
    /// In the order of their metrics.
    pub const ALL: [Reason; 14] = [
        Reason::Auth,
        Reason::Permission,
        Reason::NoRole,
        Reason::Throttled,
        Reason::InvalidRequest,
        Reason::NotFound,
        Reason::Server,
        Reason::Network,
        Reason::Timeout,
        Reason::Tls,
        Reason::HttpStatus,
        Reason::Decode,
        Reason::TooLarge,
        Reason::Credentials,
    ];

    /// Whether the failure stays until an operator changes something: the configuration, the
    /// credentials, the permissions or the task. Everything else is transient.
    pub const fn is_permanent(self) -> bool {
        matches!(
            self,
            Reason::Auth
                | Reason::Permission
                | Reason::NoRole
                | Reason::InvalidRequest
                | Reason::NotFound
                | Reason::Credentials
        )
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::Auth => "auth",
            Reason::Permission => "permission",
            Reason::NoRole => "no_role",
            Reason::Throttled => "throttled",
            Reason::InvalidRequest => "invalid_request",
            Reason::NotFound => "not_found",
            Reason::Server => "server",
            Reason::Network => "network",
            Reason::Timeout => "timeout",
            Reason::Tls => "tls",
            Reason::HttpStatus => "http_status",
            Reason::Decode => "decode",
            Reason::TooLarge => "too_large",
            Reason::Credentials => "credentials",
        }
    }

    /// What it means, in one sentence. The README says the same.
    pub const fn meaning(self) -> Text {
        match self {
            Reason::Auth => Text::new(
                "The API does not accept the credentials.",
                "API 不接受该凭证。",
            ),
            Reason::Permission => Text::new(
                "The credentials are valid but not allowed to call this action.",
                "凭证有效，但没有调用该接口的权限。",
            ),
            Reason::NoRole => Text::new(
                "The discovered account has no role that the exporter may assume.",
                "发现的账号中没有可供 exporter 扮演的角色。",
            ),
            Reason::Throttled => Text::new(
                "The identity sent more requests in one second than the API allows.",
                "同一身份在一秒内发出的请求超过了 API 的频率限制。",
            ),
            Reason::InvalidRequest => Text::new(
                "The API does not accept the request's parameters.",
                "API 不接受请求的参数。",
            ),
            Reason::NotFound => Text::new("The scan task does not exist.", "扫描任务不存在。"),
            Reason::Server => Text::new(
                "The API reported an internal error or an unknown error code.",
                "API 返回内部错误或未知的错误码。",
            ),
            Reason::Network => Text::new(
                "The connection failed or was interrupted.",
                "连接失败或中断。",
            ),
            Reason::Timeout => Text::new(
                "No complete response was received within poll.timeout.",
                "在 poll.timeout 内没有收到完整的响应。",
            ),
            Reason::Tls => Text::new(
                "The TLS handshake failed or the server's certificate is not trusted.",
                "TLS 握手失败，或服务端证书不受信任。",
            ),
            Reason::HttpStatus => Text::new(
                "The HTTP status was not 200, which the API itself always returns.",
                "HTTP 状态码不是 200，而 API 自身总是返回 200。",
            ),
            Reason::Decode => Text::new(
                "The response is not valid JSON of the API.",
                "响应不是 API 的有效 JSON。",
            ),
            Reason::TooLarge => Text::new(
                "The response is larger than 1 MiB. A normal one has about 500 bytes.",
                "响应超过 1 MiB，正常的响应约为 500 字节。",
            ),
            Reason::Credentials => Text::new(
                "There are no credentials to sign requests with.",
                "没有可用于签名请求的凭证。",
            ),
        }
    }

    /// What to do about it. The README says the same, and more.
    pub const fn advice(self) -> Text {
        match self {
            Reason::Auth => Text::new(
                "Compare SecretId and SecretKey with the CAM console. Check whether temporary keys have expired.",
                "将 SecretId 和 SecretKey 与访问管理 CAM 控制台核对，并检查临时密钥是否已过期。",
            ),
            Reason::Permission => Text::new(
                "Grant the actions of the collector on resource *. docs/credentials.md lists them.",
                "授予该采集器的接口对资源 * 的权限，接口列表见 docs/zh-CN/credentials.md。",
            ),
            Reason::NoRole => Text::new(
                "Create the role in this account and let it trust the exporter's account. See docs/discovery.md.",
                "在该账号中创建角色，并使其信任 exporter 所在的账号，见 docs/discovery.md。",
            ),
            Reason::Throttled => Text::new(
                "No action is needed at first: the exporter halves its request rate, then raises it slowly.",
                "暂时无需处理：exporter 会将请求频率减半，再缓慢恢复。",
            ),
            Reason::InvalidRequest => Text::new(
                "Check endpoint and region. If in doubt, leave region unset.",
                "检查 endpoint 和 region。不确定时，不要设置 region。",
            ),
            Reason::NotFound => Text::new(
                "Check local_task_id and registry_task_id, or leave both unset to get the latest scan.",
                "检查 local_task_id 和 registry_task_id，或者两者都不设置，以获取最近一次扫描。",
            ),
            Reason::Server => Text::new(
                "Wait. If the error persists, contact Tencent Cloud support with the RequestId.",
                "等待恢复。如果错误持续存在，请凭 RequestId 联系腾讯云技术支持。",
            ),
            Reason::Network => Text::new(
                "Check DNS, firewall and proxy. HTTPS_PROXY and NO_PROXY apply, except to loopback addresses.",
                "检查 DNS、防火墙和代理。HTTPS_PROXY 和 NO_PROXY 生效，但不适用于回环地址。",
            ),
            Reason::Timeout => Text::new(
                "Check DNS, firewall and proxy. If the network is slow, increase poll.timeout.",
                "检查 DNS、防火墙和代理。如果网络较慢，请增大 poll.timeout。",
            ),
            Reason::Tls => Text::new(
                "Check the system clock and the system's CA certificates, and whether a proxy intercepts TLS.",
                "检查系统时钟和系统的 CA 证书，以及是否有代理拦截 TLS。",
            ),
            Reason::HttpStatus => Text::new(
                "Check endpoint, and whether a gateway or proxy fails.",
                "检查 endpoint，以及网关或代理是否有故障。",
            ),
            Reason::Decode => Text::new(
                "Check endpoint, and whether a proxy returns its login page.",
                "检查 endpoint，以及代理是否返回了登录页面。",
            ),
            Reason::TooLarge => Text::new(
                "Check endpoint, and whether a proxy answers instead of the API.",
                "检查 endpoint，以及是否由代理代替 API 返回了响应。",
            ),
            Reason::Credentials => Text::new(
                "See docs/credentials.md for what this kind of credentials needs.",
                "按 docs/zh-CN/credentials.md 检查这种凭证所需的设置。",
            ),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Reason;

    #[test]
    fn every_reason_is_at_its_own_index() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index, "{reason}");
        }
    }
}
