"""The texts of the boards, the rules and the example for Alertmanager in Simplified Chinese. They use the terms of docs/zh-CN."""

from languages import Language

# Names that several panels have: variables, titles, columns, series, values.
NAMES = {
    "TCSS / Overview": "TCSS / 总览",
    "TCSS / Account": "TCSS / 账号",
    "TCSS / Risk": "TCSS / 风险",
    "TCSS / Exporter": "TCSS / Exporter",
    # Variables.
    "Data source": "数据源",
    "Job": "Job",
    "Instance": "实例",
    "Account label": "账号标签",
    "is": "标签值",
    "Accounts": "账号",
    "Account": "账号",
    "Scan": "扫描",
    "Runbook": "告警处理手册",
    # Rows.
    "Now": "当前",
    "Over time": "变化趋势",
    "All scans": "全部扫描",
    "Tasks and polls": "扫描任务与轮询",
    "Which images": "优先处理的镜像",
    "Vulnerabilities by severity": "漏洞的威胁等级",
    "Malware and sensitive data": "木马病毒与敏感信息",
    "At risk for any reason": "全部风险",
    "Coverage": "覆盖范围",
    "Collectors": "采集器",
    "Polls": "轮询",
    "API": "API",
    "Credentials and reloads": "凭证与重新加载",
    "Process": "进程",
    # Severities of alerts and findings.
    "critical": "严重",
    "warning": "警告",
    "info": "提示",
    "high": "高危",
    "medium": "中危",
    "low": "低危",
    "Critical": "严重",
    "High": "高危",
    "Medium": "中危",
    "Low": "低危",
    # States of scans.
    "never scanned": "未扫描",
    "scanned": "扫描完成",
    "scanning": "扫描中",
    "canceled": "扫描停止",
    "unknown": "未知",
    "unavailable": "不可用",
    # Problems of scans.
    "failing: $1": "失败：$1",
    "risk images rose": "风险镜像增加",
    "risk images high": "风险镜像过多",
    "not monitored": "未监控",
    "data stale": "数据陈旧",
    "scan stalled": "扫描停滞",
    "scan canceled": "扫描停止",
    "scan overdue": "扫描逾期",
    "vulnerabilities rose": "漏洞增加",
    "more ignored": "忽略的漏洞增加",
    "fewer images": "扫描的镜像减少",
    "odd response": "响应异常",
    # Series.
    "{{part}} of {{whole}}": "{{part}} / {{whole}}",
    "{{more}} more": "另有 {{more}} 项",
    "threshold": "阈值",
    "local": "本地镜像",
    "registry": "仓库镜像",
    "rose": "增加",
    "fell": "减少",
    "remote": "远程 EXP",
    "public": "公开 EXP",
    "images": "镜像",
    "containers": "容器",
    "clusters": "集群",
    "unscanned": "未扫描",
    "scan failed": "扫描失败",
    "no agent": "无 Agent",
    "schedules off": "定时已关",
    "remote exploit": "远程 EXP",
    "public exploit": "公开 EXP",
    "emergency": "应急漏洞",
    "fix first": "优先修复",
    "findings": "木马病毒",
    "unhandled": "未处理",
    "not scanned": "未扫描",
    "series: scanned": "已扫描",
    "online": "在线",
    "succeeded": "成功",
    "failed": "失败",
    "oldest": "最长",
    "median": "中位数",
    "attempt": "最近一次尝试",
    "longest": "最长",
    "retries": "重试",
    "slowest": "最慢",
    "wait": "等待",
    "throttled": "被限频",
    "web {{instance}}": "Web {{instance}}",
    "from {{source}}": "来自 {{source}}",
    # Values.
    "none": "无",
    "no data": "无数据",
    "leader": "主副本",
    "standby": "备副本",
    "not shown": "未显示",
    "never": "永不",
    "loaded": "已加载",
    "rejected": "已拒绝",
    "up": "正常",
    "down": "宕机",
    "on": "开启",
    "off": "关闭",
    "automatic": "自动",
    "by hand": "手动",
    "active": "有效",
    "trial": "试用",
    "expired": "已到期",
    "purchase_required": "未购买",
    "system": "系统漏洞",
    "web": "Web 应用漏洞",
    "Success": "成功",
    "InsufficientLicense": "授权不足",
    "ImageNeedIsEmpty": "无待扫描镜像",
    "InternalError": "内部错误",
    # Columns.
    "Severity": "级别",
    "Problem": "问题",
    "Scans": "扫描",
    "Longest": "最长",
    "Example": "示例账号",
    "For": "已持续",
    "Alert": "告警",
    "Alerts": "告警数",
    "Progress": "扫描进度",
    "Time left": "剩余时间",
    "Running": "已运行",
    "Unchanged": "无进展",
    "Status": "扫描状态",
    "Rose": "增加",
    "Fell": "减少",
    "Completed": "距完成",
    "Started": "距开始",
    "Took": "耗时",
    "Ended": "距结束",
    "Data age": "距上次成功",
    "Local images": "本地镜像",
    "Registry images": "仓库镜像",
    "Remote": "远程 EXP",
    "Public": "公开 EXP",
    "Unscanned": "未扫描",
    "No agent": "无 Agent",
    "Licence left": "授权剩余",
    "Licences used": "授权使用率",
    "Library age": "距漏洞库更新",
    "Image": "镜像",
    "Image ID": "镜像 ID",
    "Vulnerability": "漏洞",
    "Rated": "等级",
    "Category": "类别",
    "Images": "镜像",
    "Containers": "容器",
    "ID": "ID",
    "State": "状态",
    "Left": "剩余",
    "Renewal": "续费",
    "Off": "未启用",
    "Scans left": "次数剩余",
    "Cores off": "未防护核",
    "Source": "来源",
    "Result": "结果",
    "Last": "距上次",
    "Collector": "采集器",
    "Done": "已扫描",
    "of": "总数",
    "At risk": "有风险",
    "Polled": "轮询数",
    "Failing": "失败",
    "Oldest data": "最旧数据",
    "Version": "版本",
    "Revision": "修订",
    "Shard": "分片",
    "Up for": "运行时长",
    "Config loaded": "距配置加载",
    "Web loaded": "距 Web 加载",
    "Role": "角色",
    # Annotations.
    "Scan completed": "扫描完成",
    "Scan canceled": "扫描停止",
    # Links.
    "Open this account": "打开此账号",
    "Open the runbook": "打开告警处理手册",
    # Titles of panels.
    "Firing alerts": "触发中的告警",
    "Problems": "有问题的扫描",
    "Risk images": "风险镜像",
    "Change, 24 h": "24 小时变化",
    "Vulnerabilities": "漏洞数量",
    "What is wrong": "存在哪些问题",
    "Where, and since when": "问题在哪里，从何时开始",
    "Running scans": "进行中的扫描",
    "Images scanned": "已扫描镜像",
    "Time since the last completed scan": "距上次完成扫描的时间",
    "Ignored": "忽略的漏洞",
    "Latest scans": "最近一次扫描",
    "Ignored vulnerabilities": "忽略的漏洞",
    "Scan duration": "扫描耗时",
    "Tasks": "扫描任务",
    "Failing by reason": "失败的扫描（按原因）",
    "Unexpected fields": "无法读取的字段",
    "Poll interval": "轮询间隔",
    "Poll duration": "轮询耗时",
    "Exploits": "漏洞利用",
    "Malware": "木马病毒",
    "Not covered": "未覆盖",
    "All accounts": "全部账号",
    "Worst images": "漏洞最严重的镜像",
    "Top vulnerabilities": "影响最广的漏洞",
    "Exploits and emergencies": "漏洞利用与应急漏洞",
    "Images with serious vulnerabilities": "存在严重或高危漏洞的镜像",
    "Malware in images": "镜像中的木马病毒",
    "Malware in containers": "容器中的木马病毒",
    "Sensitive data in images": "镜像中的敏感信息",
    "Images at risk": "存在风险的镜像",
    "Containers and clusters at risk": "存在风险的容器与集群",
    "Runtime events": "运行时安全事件",
    "Hosts": "主机节点",
    "Failed images": "扫描失败的镜像",
    "Licences": "授权",
    "Scheduled scans that are off or did not succeed": "已关闭或未成功的定时扫描",
    "Running scans of images and of malware": "进行中的镜像扫描与木马病毒扫描",
    "Up": "在线",
    "Shards": "分片",
    "Leaders": "主副本",
    "Scans failing": "失败的扫描",
    "Accounts by source": "账号（按来源）",
    "Config": "配置",
    "Web config": "Web 配置",
    "Credentials": "临时凭证",
    "Instances": "实例",
    "Polls per minute": "每分钟轮询次数",
    "Unexpected values": "无法读取的值",
    "API requests": "API 请求",
    "API failures": "API 请求失败",
    "API latency": "API 延迟",
    "Rate limit": "频率限制",
    "Rate limiter wait": "限频等待时间",
    "Throttled requests": "被限频的请求",
    "Credentials expire in": "临时凭证剩余有效期",
    "Failed refreshes": "凭证刷新失败",
    "Reloads": "重新加载",
    "CPU": "CPU",
    "Memory": "内存",
    "File descriptors": "文件描述符",
    "HTTP requests": "HTTP 请求",
    "Dropped logs": "丢弃的日志",
}

# Shown in place of missing data.
EMPTY = {
    "No problems": "没有问题",
    "No alerts are firing": "没有触发中的告警",
    "No scan is running": "没有进行中的扫描",
    "No data in this range": "此时间范围内没有数据",
    "No scan has completed": "没有已完成的扫描",
    "No scans found. Check that Prometheus scrapes the exporter.": "没有找到扫描。请检查 Prometheus 是否在抓取 exporter。",
    "No task": "没有扫描任务",
    "No poll failed": "没有失败的轮询",
    "Every field could be read": "所有字段均可读取",
    "Every value could be read": "所有值均可读取",
    "No exporters found": "没有找到 exporter",
    "No temporary credentials": "没有临时凭证",
    "No refresh failed": "没有刷新失败",
    "No collectors found. Check that Prometheus scrapes the exporter.": "没有找到采集器。请检查 Prometheus 是否在抓取 exporter。",
    "None, or the collector scan_settings is off": "没有，或采集器 scan_settings 未启用",
    "No scan is running, or the collectors image_scan and virus_scan are off":
        "没有进行中的扫描，或采集器 image_scan 与 virus_scan 未启用",
    "Needs further collectors": "需要启用更多采集器",
    "Needs the collector vul_summary": "需要采集器 vul_summary",
    "Needs the collector assets or virus_scan": "需要采集器 assets 或 virus_scan",
    "Needs the collector summary, assets, risk_images or scan_settings": "需要采集器 summary、assets、risk_images 或 scan_settings",
    "Needs the collector risk_images": "需要采集器 risk_images",
    "Needs the collector top_vulnerabilities": "需要采集器 top_vulnerabilities",
    "Needs the collector image_risks": "需要采集器 image_risks",
    "Needs the collector virus_scan": "需要采集器 virus_scan",
    "Needs the collector summary": "需要采集器 summary",
    "Needs the collector summary or assets": "需要采集器 summary 或 assets",
    "Needs the collector assets": "需要采集器 assets",
    "Needs the collector licence": "需要采集器 licence",
}

DESCRIPTIONS = {
    # Overview.
    "Vulnerability scans of Tencent Cloud Container Security: what is wrong, images at risk, and the state of scans.":
        "腾讯云容器安全服务 TCSS 的漏洞扫描：存在的问题、风险镜像与扫描状态。",
    "Firing alerts of the selected scans and of the exporter, by severity.":
        "所选扫描及 exporter 触发中的告警，按级别统计。",
    "Scans with a critical problem or a warning, out of those that were monitored within the last day.":
        "最近一天监控过的扫描中，存在严重或警告级别问题的扫描数。",
    "Images at risk found by the last completed scans, summed over the selected accounts. The line shows the time range.":
        "各账号最近一次完成的扫描发现的风险镜像，按所选账号合计。曲线为所选时间范围内的变化。",
    "The scans that exceed their lowest number of images at risk of the last day, and those below their highest one, each "
    "summed up. A scan that rose and fell counts in both.":
        "与最近一天的最低值相比，各扫描风险镜像的增加量合计；与最高值相比，减少量合计。先增后减的扫描两边都计入。",
    "Vulnerabilities found by the last completed scans, in local and in registry images.":
        "各账号最近一次完成的扫描在本地镜像与仓库镜像中发现的漏洞。",
    "Problems of the selected scans by kind, with the account that has each of them for the longest time. The severities are "
    "those of the alerts.":
        "所选扫描的问题，按种类统计，并列出持续时间最长的账号。级别与告警一致。",
    "Of each problem, the 3 scans that have it for the longest time; the list of all scans has the others. Failures count "
    "from the last successful poll (a dash if there was none), findings from the end of the scan that found them. Click an account to "
    "open its dashboard.":
        "每种问题列出持续时间最长的 3 个扫描，其余见“全部扫描”。失败从最近一次成功轮询起计时（从未成功则显示“–”），扫描结果从发现它的扫描结束时起计时。"
        "点击账号可打开其仪表盘。",
    "Firing alerts of the selected scans and of the exporter, with one of the accounts that each of them affects. Click an "
    "alert to open the runbook.":
        "所选扫描及 exporter 触发中的告警，以及受影响的其中一个账号。点击告警可打开处理手册。",
    "At most 50 firing alerts on the further collectors, the most severe first. Click an alert to open the runbook.":
        "与更多采集器相关的触发中的告警，最多 50 条，级别最高的在前。点击告警可打开处理手册。",
    "Scans that run now, the longest first. The API estimates the time left. Unchanged is the time since the last progress.":
        "正在进行的扫描，运行最久的在前。剩余时间由 API 估算，“无进展”为距上次进度变化的时间。",
    "Images at risk found by completed scans, for the 10 scans with the most. The dashed line is the lowest threshold.":
        "已完成的扫描发现的风险镜像，显示最多的 10 个扫描。虚线为最低的阈值。",
    "Vulnerabilities found by completed scans in local and in registry images, summed over the selected accounts.":
        "已完成的扫描在本地镜像与仓库镜像中发现的漏洞，按所选账号合计。",
    "State of the 20 scans that are in the worst state now. Unavailable means that polls fail and the last response is too old.":
        "当前状态最差的 20 个扫描。“不可用”表示轮询失败，且最近一次响应已陈旧。",
    "Images covered by completed scans, summed over the selected accounts. A drop means that some are no longer scanned.":
        "已完成的扫描覆盖的镜像，按所选账号合计。下降表示部分镜像不再被扫描。",
    "The 7 scans with the longest time. Orange bars exceed the threshold. The last bar is the longest of all others.":
        "时间最长的 7 个扫描。橙色表示超过阈值，最后一条为其余扫描中最长的时间。",
    "One row per account and scan, the worst first. Findings are those of the last completed scan.":
        "每行一个账号的一个扫描，问题最严重的在前。结果来自最近一次完成的扫描。",
    # Account.
    "One account of Tencent Cloud Container Security: its problems and scans, their findings, and the state of its polls.":
        "一个账号的容器安全服务 TCSS：问题、扫描及其结果、轮询状态。",
    "Images at risk found by the last completed scan, summed over the selected scans. The line shows the time range.":
        "最近一次完成的扫描发现的风险镜像，按所选扫描合计。曲线为所选时间范围内的变化。",
    "By how much images at risk exceed the lowest number of the last day, and are below the highest one.":
        "风险镜像与最近一天最低值相比的增加量，以及与最高值相比的减少量。",
    "Vulnerabilities found by the last completed scan, in local and in registry images.":
        "最近一次完成的扫描在本地镜像与仓库镜像中发现的漏洞。",
    "Number of ignored vulnerabilities.": "忽略的漏洞数量。",
    "Local and registry images covered by the last completed scan.": "最近一次完成的扫描覆盖的本地镜像与仓库镜像。",
    "The latest scan of each selected account. A running scan has no end time. A canceled scan stays below 100 %.":
        "所选账号的最近一次扫描。扫描中的没有结束时间，扫描停止的进度低于 100%。",
    "State of the 10 scans that are in the worst state now. Unavailable means that polls fail and the last response is too old.":
        "当前状态最差的 10 个扫描。“不可用”表示轮询失败，且最近一次响应已陈旧。",
    "Images at risk found by completed scans. The dashed line is the threshold; for several scans, the lowest one.":
        "已完成的扫描发现的风险镜像。虚线为阈值，有多个扫描时为最低的阈值。",
    "Vulnerabilities found by completed scans, in local and in registry images.":
        "已完成的扫描在本地镜像与仓库镜像中发现的漏洞。",
    "Images covered by completed scans. A drop means that some images are no longer scanned.":
        "已完成的扫描覆盖的镜像。下降表示部分镜像不再被扫描。",
    "Progress of the scan. A flat line below 100 % is a stalled or canceled scan.":
        "扫描进度。低于 100% 的水平线表示扫描停滞或扫描停止。",
    "Duration of the last completed scan. The dashed line is the threshold for a running scan.":
        "最近一次完成的扫描的耗时。虚线为进行中的扫描的阈值。",
    "Task IDs of the scans, as shown in the console. A new ID is a new scan.":
        "扫描任务 ID，与控制台一致。ID 变化表示开始了新的扫描。",
    "Scans whose last poll failed, by reason. Reds are permanent. The README explains each reason.":
        "最近一次轮询失败的扫描，按原因统计。红色为需要人工处理的原因，各原因的说明见 README。",
    "Collectors and scans for which a field of the latest response was missing or could not be read, by field.":
        "最近一次响应中有字段缺失或无法读取的采集器与扫描，按字段统计。",
    "Current poll interval: shorter while a scan runs, longer while operator action is required.":
        "当前轮询间隔：扫描中时缩短，需要人工处理时延长。",
    "Includes retries and the time spent waiting for the rate limiter.": "包括重试与限频等待的时间。",
    "Time since the last successful poll. The dashed line is the threshold.": "距最近一次成功轮询的时间。虚线为阈值。",
    # Risk.
    "What the further collectors report: severity and exploits, malware, coverage, licences, and which images to start with.":
        "更多采集器的数据：威胁等级与漏洞利用、木马病毒、覆盖范围、授权，以及应优先处理的镜像。",
    "Vulnerabilities of the selected accounts by severity.": "所选账号的漏洞，按威胁等级统计。",
    "Vulnerabilities with a remote exploit, and with a public exploit or proof of concept.":
        "存在远程 EXP 的漏洞，以及存在公开 EXP 或 POC 的漏洞。",
    "Images and containers with malware.": "存在木马病毒的镜像与容器。",
    "Images that were not scanned, images whose last scan failed, hosts without agent, and scheduled scans that are off or did "
    "not succeed.":
        "未扫描的镜像、最近一次扫描失败的镜像、未安装 Agent 的主机节点，以及已关闭或未成功的定时扫描。",
    "One row per account, those with the most critical vulnerabilities first. Remote and public are vulnerabilities with such "
    "an exploit, malware is the number of images and containers that have some. Columns of collectors that are off have dashes.":
        "每行一个账号，严重漏洞最多的在前。“远程 EXP”与“公开 EXP”为存在相应漏洞利用的漏洞，“木马病毒”为存在木马病毒的镜像数与容器数之和。未启用的采集器对应的列显示横线。",
    "The 50 local images with the most critical, then the most high vulnerabilities, of the last completed scans.":
        "最近一次完成的扫描中，严重漏洞最多的 50 个本地镜像；严重漏洞数相同时，高危漏洞多的在前。",
    "The 50 critical and high vulnerabilities that affect the most images, summed over the selected accounts.":
        "影响镜像最多的 50 个严重与高危漏洞，按所选账号合计。",
    "Vulnerabilities by severity, summed over the selected accounts.": "漏洞按威胁等级统计，并按所选账号合计。",
    "Vulnerabilities with a remote or a public exploit, those that the service counts as an emergency, and those that it "
    "recommends to fix first.":
        "存在远程或公开 EXP 的漏洞、TCSS 认定的应急漏洞，以及 TCSS 建议优先修复的漏洞。",
    "Images with critical or high vulnerabilities. Only the latest version of each counts.":
        "存在严重或高危漏洞的镜像，每个镜像只统计最新版本。",
    "Malware found in local images, by severity.": "本地镜像中发现的木马病毒，按威胁等级统计。",
    "Findings of the malware scan of containers, and the containers that have them.":
        "容器木马病毒扫描发现的木马病毒，以及存在木马病毒的容器。",
    "Sensitive data found in local images, such as keys and passwords, by severity.":
        "本地镜像中发现的敏感信息（如密钥与密码），按威胁等级统计。",
    "Images at risk for any reason, by source.": "因任何原因存在风险的镜像，按来源统计。",
    "Containers and clusters at risk.": "存在风险的容器与集群。",
    "Runtime events of high severity that have not been handled.": "未处理的高危运行时安全事件。",
    "Images that were scanned, and those that were not.": "已扫描与未扫描的镜像。",
    "Hosts that are online, and hosts on which the agent is not installed.": "在线的主机节点，以及未安装 Agent 的主机节点。",
    "Local images whose scan failed in the last completed scan, by error.":
        "最近一次完成的扫描中扫描失败的本地镜像，按错误统计。",
    "The 50 accounts whose licences expire first: how much of the image licences and of the image scans that were bought is "
    "used, the images for which scanning is off, and the cores that are not protected.":
        "授权最早到期的 50 个账号：已购镜像授权与镜像扫描次数的使用率、未启用扫描的镜像，以及未防护的核数。",
    "At most 50 accounts and sources of images, with the result of the last scheduled scan.":
        "最多 50 个账号及镜像来源，以及最近一次定时扫描的结果。",
    "The 50 scans that have been running for the longest time. The API estimates the time left.":
        "运行最久的 50 个扫描。剩余时间由 API 估算。",
    "The collectors that are on, with the number of accounts and scans that they poll, those whose last poll failed, and the "
    "longest time since a successful poll.":
        "已启用的采集器、其轮询的账号与扫描数、最近一次轮询失败的数量，以及距成功轮询的最长时间。",
    # Exporter.
    "The exporter itself: polls, API requests, credentials, reloads and the process.":
        "Exporter 自身：轮询、API 请求、凭证、重新加载与进程。",
    "Instances that Prometheus scrapes, out of those that were up within the last day.":
        "最近一天在线过的实例中，Prometheus 当前可抓取的实例数。",
    "Shards that an instance polls. The accounts of a missing shard are not monitored.":
        "有实例轮询的分片。缺少的分片，其账号未被监控。",
    "Scans whose last poll failed, or whose first poll is pending, out of the selected ones.":
        "所选扫描中，最近一次轮询失败或尚未完成首次轮询的扫描数。",
    "Longest time since the last successful poll of a scan.": "各扫描距最近一次成功轮询的最长时间。",
    "Leases with a leader, out of those of the replicas. Without a leader, the accounts are not monitored. Exporters without high "
    "availability have no lease.":
        "全部 Lease 中有主副本的 Lease 数。没有主副本时，账号不受监控。未启用高可用的 exporter 没有 Lease。",
    "Accounts that the exporters poll, by source: the configuration, or a discovery of an organization or over HTTP.":
        "exporter 轮询的账号，按来源统计：配置文件，或者集团组织、HTTP 的自动发现。",
    "Whether the last configuration reload was successful on every instance.": "所有实例最近一次重新加载配置是否成功。",
    "Whether the last web configuration reload was successful on every instance.":
        "所有实例最近一次重新加载 Web 配置是否成功。",
    "Time until the first temporary credentials expire. They are refreshed before that.":
        "距最早的临时凭证到期的时间。凭证会在到期前刷新。",
    "One row per exporter, those that are down first. A shard is the part of the accounts that an exporter polls, counted from 0.":
        "每行一个 exporter，宕机的在前。分片是一个 exporter 轮询的那部分账号，从 0 开始编号。",
    "Successful and failed polls of the selected scans.": "所选扫描成功与失败的轮询次数。",
    "Longest and median time since the last successful poll, and longest time since the last attempt. The dashed line is the "
    "threshold.":
        "距最近一次成功轮询的最长时间与中位数，以及距最近一次尝试的最长时间。虚线为阈值。",
    "Longest and median duration, including retries and the time spent waiting for the rate limiter.":
        "最长耗时与中位数，包括重试与限频等待的时间。",
    "Longest and median current poll interval. It is longer while operator action is required.":
        "当前轮询间隔的最大值与中位数。需要人工处理时间隔会延长。",
    "Values in API responses that were missing or could not be read, by collector.":
        "API 响应中缺失或无法读取的值，按采集器统计。",
    "Requests per second by instance, including retries.": "各实例每秒的请求数，包括重试。",
    "Failed requests per second by reason, and retries per second.": "每秒失败的请求数（按原因）与每秒重试次数。",
    "Time from sending a request to the end of the response: median, 90th and 99th percentile.":
        "从发出请求到响应结束的时间：中位数、第 90 与第 99 百分位数。",
    "Current rate limit of the slowest and of the median account. It is lower after throttling.":
        "最慢的账号与中位数账号当前的频率限制。被限频后会降低。",
    "Average time that a request waits for the rate limiter.": "请求因频率限制而等待的平均时间。",
    "Ratio of requests that the API throttled. The dashed line is the threshold.": "被 API 限频的请求比例。虚线为阈值。",
    "The 5 accounts whose temporary credentials expire first. Orange credentials should have been refreshed by now. The last "
    "bar is the first of all others.":
        "临时凭证最早到期的 5 个账号。橙色的凭证本应已经刷新，最后一条为其余账号中最早到期的时间。",
    "Failed attempts to refresh temporary credentials, for the 5 accounts with the most. Current credentials are used until "
    "they expire.":
        "临时凭证刷新失败的次数，显示最多的 5 个账号。现有凭证在到期前继续使用。",
    "Whether the last reload of each file was successful. A rejected file changes nothing.":
        "各文件最近一次重新加载是否成功。被拒绝的文件不会改变任何设置。",
    "CPU cores used, by instance.": "各实例使用的 CPU 核数。",
    "Resident memory, by instance.": "各实例的常驻内存。",
    "Open file descriptors as a ratio of the limit, by instance.": "各实例已打开的文件描述符占上限的比例。",
    "HTTP requests per second to the exporter, by handler and status code.": "Exporter 每秒收到的 HTTP 请求，按路径与状态码统计。",
    "Log lines dropped because stderr was blocked or not writable, by instance.":
        "各实例因 stderr 阻塞或不可写而丢弃的日志行数。",
}

SUMMARIES = {
    # Findings.
    "Images at risk of {{ $labels.account }}/{{ $labels.scan }} rose by {{ $value }}":
        "{{ $labels.account }}/{{ $labels.scan }} 的风险镜像增加了 {{ $value }} 个",
    "{{ $labels.account }}/{{ $labels.scan }} has {{ $value }} images at risk, more than its threshold":
        "{{ $labels.account }}/{{ $labels.scan }} 有 {{ $value }} 个风险镜像，超过阈值",
    "Images at risk of {{ $labels.account }}/{{ $labels.scan }}: {{ $value }}":
        "{{ $labels.account }}/{{ $labels.scan }} 有 {{ $value }} 个风险镜像",
    "Vulnerabilities in {{ $labels.source }} images of {{ $labels.account }}/{{ $labels.scan }} rose by {{ $value }}":
        "{{ $labels.account }}/{{ $labels.scan }} 的镜像（{{ $labels.source }}）漏洞数量增加了 {{ $value }} 个",
    "Ignored vulnerabilities of {{ $labels.account }}/{{ $labels.scan }} rose by {{ $value }}":
        "{{ $labels.account }}/{{ $labels.scan }} 忽略的漏洞增加了 {{ $value }} 个",
    "Scan of {{ $labels.account }}/{{ $labels.scan }} covers {{ $value | humanizePercentage }} fewer {{ $labels.source }} images":
        "{{ $labels.account }}/{{ $labels.scan }} 扫描的镜像（{{ $labels.source }}）减少了 {{ $value | humanizePercentage }}",
    # Scans.
    "Last completed scan of {{ $labels.account }}/{{ $labels.scan }} is {{ $value | humanizeDuration }} old":
        "{{ $labels.account }}/{{ $labels.scan }} 距上次完成扫描已有 {{ $value | humanizeDuration }}",
    "{{ $labels.account }}/{{ $labels.scan }} has never been scanned": "{{ $labels.account }}/{{ $labels.scan }} 从未扫描",
    "Scan of {{ $labels.account }}/{{ $labels.scan }} has made no progress for {{ $value | humanizeDuration }}":
        "{{ $labels.account }}/{{ $labels.scan }} 的扫描已有 {{ $value | humanizeDuration }} 没有进展",
    "Scan of {{ $labels.account }}/{{ $labels.scan }} has been running for {{ $value | humanizeDuration }}":
        "{{ $labels.account }}/{{ $labels.scan }} 的扫描已运行 {{ $value | humanizeDuration }}",
    "Scan of {{ $labels.account }}/{{ $labels.scan }} was canceled": "{{ $labels.account }}/{{ $labels.scan }} 的扫描已停止",
    # Accounts.
    "{{ $value }} accounts are failing ({{ $labels.reason }})": "{{ $value }} 个账号轮询失败（{{ $labels.reason }}）",
    "Credentials of {{ $labels.account }} do not work ({{ $labels.reason }}); it is not monitored":
        "{{ $labels.account }} 的凭证不可用（{{ $labels.reason }}），该账号未被监控",
    "Credentials of {{ $labels.account }} lack the permission to read scans; it is not monitored":
        "{{ $labels.account }} 的凭证没有读取扫描的权限，该账号未被监控",
    "Temporary credentials of {{ $labels.account }} expire in {{ $value | humanizeDuration }}":
        "{{ $labels.account }} 的临时凭证将在 {{ $value | humanizeDuration }} 后到期",
    "Polls of {{ $labels.account }}{{ with $labels.scan }}/{{ . }}{{ end }} are failing ({{ $labels.collector }})":
        "{{ $labels.account }}{{ with $labels.scan }}/{{ . }}{{ end }} 轮询失败（{{ $labels.collector }}）",
    "Data of {{ $labels.account }}/{{ $labels.scan }} are {{ $value | humanizeDuration }} old":
        "{{ $labels.account }}/{{ $labels.scan }} 的数据已有 {{ $value | humanizeDuration }} 未更新",
    "{{ $labels.field }} of {{ $labels.account }}{{ with $labels.scan }}/{{ . }}{{ end }} cannot be read ({{ $labels.collector }})":
        "无法读取 {{ $labels.account }}{{ with $labels.scan }}/{{ . }}{{ end }} 的 {{ $labels.field }}（{{ $labels.collector }}）",
    # The API.
    "The API throttles {{ $value | humanizePercentage }} of {{ $labels.action }} requests":
        "{{ $labels.action }} 请求有 {{ $value | humanizePercentage }} 被 API 限频",
    "{{ $value | humanizePercentage }} of {{ $labels.action }} requests fail because of the API or the network":
        "{{ $labels.action }} 请求有 {{ $value | humanizePercentage }} 因 API 或网络故障失败",
    # Discovery.
    "{{ $value }} discovered accounts have no role for {{ $labels.job }}; they are not monitored":
        "发现的 {{ $value }} 个账号没有供 {{ $labels.job }} 使用的角色，未被监控",
    "The accounts of {{ $labels.discovery }} cannot be listed by {{ $labels.instance }}":
        "{{ $labels.instance }} 无法列出 {{ $labels.discovery }} 的账号",
    "The list of {{ $labels.discovery }} is refused by {{ $labels.instance }}: it is empty or lacks many accounts":
        "{{ $labels.instance }} 拒绝了 {{ $labels.discovery }} 的账号列表：列表为空或缺少大量账号",
    "{{ $labels.account }} is no longer listed by its discovery; it will not be monitored any more":
        "账号发现的列表中不再有 {{ $labels.account }}，该账号将不再被监控",
    # Exporters.
    "Exporter {{ $labels.instance }} is down: {{ $value }} accounts are not monitored":
        "Exporter {{ $labels.instance }} 宕机：{{ $value }} 个账号未被监控",
    "Exporter {{ $labels.instance }} is down": "Exporter {{ $labels.instance }} 宕机",
    "No exporter is up; no account is monitored": "没有在线的 exporter，所有账号均未被监控",
    "{{ $value }} shards of {{ $labels.job }} are missing; their accounts are not monitored":
        "{{ $labels.job }} 缺少 {{ $value }} 个分片，其账号未被监控",
    "{{ $value }} accounts of yesterday are not monitored any more": "昨天监控的账号中有 {{ $value }} 个不再被监控",
    "The web certificate of {{ $labels.instance }} expires at {{ $value | humanizeTimestamp }}":
        "{{ $labels.instance }} 的 Web 证书将于 {{ $value | humanizeTimestamp }} 到期",
    "Reloading the {{ $labels.file }} of {{ $labels.instance }} failed":
        "{{ $labels.instance }} 重新加载 {{ $labels.file }} 失败",
    "{{ $value }} exporters of {{ $labels.job }} run with an older configuration than the others":
        "{{ $labels.job }} 有 {{ $value }} 个 exporter 使用的配置比其他 exporter 旧",
    # Replicas.
    "No replica of {{ $labels.lease }} is the leader; its accounts are not monitored":
        "{{ $labels.lease }} 没有主副本，其账号未被监控",
    "{{ $value }} replicas of {{ $labels.lease }} expose the same accounts":
        "{{ $labels.lease }} 有 {{ $value }} 个副本同时暴露相同的账号",
    'The leader of {{ $labels.job }} changed {{ $value | printf "%.0f" }} times within an hour':
        '{{ $labels.job }} 的主副本在一小时内切换了 {{ $value | printf "%.0f" }} 次',
    "{{ $labels.instance }} cannot renew or read the Lease {{ $labels.lease }}":
        "{{ $labels.instance }} 无法续约或读取 Lease {{ $labels.lease }}",
    "The leader of {{ $labels.lease }} has no standby": "{{ $labels.lease }} 的主副本没有备副本",
    "Polls of {{ $value }} accounts fail on the standby {{ $labels.instance }}, and not on the leader":
        "{{ $value }} 个账号在备副本 {{ $labels.instance }} 上轮询失败，在主副本上正常",
    # Risk.
    "{{ $labels.account }} has {{ $value }} vulnerabilities with a remote exploit: patch or isolate the images now":
        "{{ $labels.account }} 有 {{ $value }} 个存在远程 EXP 的漏洞：请立即修复或隔离镜像",
    "{{ $labels.account }} has {{ $value }} vulnerabilities with a public exploit: patch the images soon":
        "{{ $labels.account }} 有 {{ $value }} 个存在公开 EXP 的漏洞：请尽快修复镜像",
    "Malware in {{ $labels.found_in }} of {{ $labels.account }} ({{ $value }} found): isolate them now":
        "{{ $labels.account }} 发现木马病毒（{{ $labels.found_in }}：{{ $value }} 个）：请立即隔离",
    "{{ $value }} images of {{ $labels.account }} have not been scanned for a day: start a scan, and check its licences":
        "{{ $labels.account }} 有 {{ $value }} 个镜像超过一天未扫描：请发起扫描，并检查授权",
    "The image scan of {{ $labels.account }} failed ({{ $labels.result }}): start it again":
        "{{ $labels.account }} 的镜像扫描失败（{{ $labels.result }}）：请重新发起扫描",
    "The scan of {{ $value }} images of {{ $labels.account }}/{{ $labels.scan }} failed ({{ $labels.error }}): scan them again":
        "{{ $labels.account }}/{{ $labels.scan }} 有 {{ $value }} 个镜像扫描失败（{{ $labels.error }}）：请重新扫描",
    "Scheduled scans of {{ $labels.source }} images of {{ $labels.account }} are off: enable them in the console":
        "{{ $labels.account }} 的镜像（{{ $labels.source }}）定时扫描已关闭：请在控制台开启",
    "The last scheduled scan of {{ $labels.source }} images of {{ $labels.account }} failed ({{ $labels.result }})"
    '{{ if eq $labels.result "InsufficientLicense" }}: renew the licence or buy more{{ end }}':
        "{{ $labels.account }} 的镜像（{{ $labels.source }}）最近一次定时扫描失败（{{ $labels.result }}）"
        '{{ if eq $labels.result "InsufficientLicense" }}：请续费或增购授权{{ end }}',
    "The licence of {{ $labels.account }} {{ if gt $value 0.0 }}expires in {{ $value | humanizeDuration }}{{ else }}has expired"
    "{{ end }}: renew it, or images are not scanned":
        "{{ $labels.account }} 的授权{{ if gt $value 0.0 }}将在 {{ $value | humanizeDuration }} 后到期{{ else }}已到期"
        "{{ end }}：请续费，否则镜像不会被扫描",
    "The licence of {{ $labels.account }} {{ if gt $value 0.0 }}expires in {{ $value | humanizeDuration }}{{ else }}has expired"
    "{{ end }}: renew it":
        "{{ $labels.account }} 的授权{{ if gt $value 0.0 }}将在 {{ $value | humanizeDuration }} 后到期{{ else }}已到期"
        "{{ end }}：请续费",
    "{{ $value | humanizePercentage }} of the {{ $labels.licences }} of {{ $labels.account }} are used: buy more or release some, "
    "or new images are not scanned":
        "{{ $labels.account }} 的授权（{{ $labels.licences }}）已使用 {{ $value | humanizePercentage }}："
        "请增购或释放授权，否则新镜像不会被扫描",
    "The vulnerability library of {{ $labels.account }} is {{ $value | humanizeDuration }} old: scans miss newer "
    "vulnerabilities; ask the support of Tencent Cloud":
        "{{ $labels.account }} 的漏洞库已有 {{ $value | humanizeDuration }} 未更新，扫描无法发现新的漏洞：请联系腾讯云技术支持",
    "{{ $value }} hosts of {{ $labels.account }} have no agent and are not protected: install it":
        "{{ $labels.account }} 有 {{ $value }} 个主机节点未安装 Agent，未受防护：请安装",
}

# Comments of the rules.
COMMENTS = {
    "Alerts for tcss-exporter, for Prometheus 2.42 or newer. docs/runbook.md explains each alert and how to respond.\n"
    "\n"
    "Every expression reads series of the exporter and thresholds, never the result of another rule, so the order of\n"
    "evaluation does not matter. Ranges such as `[2h]` bridge restarts and gaps of up to two hours. If several exporters\n"
    "poll an account, `and topk by (account, scan) (1, …)` selects the one that has seen the newest completed scan.":
        "tcss-exporter 的告警规则，适用于 Prometheus 2.42 或更高版本。各告警的含义与处理方法见 docs/zh-CN/runbook.md。\n"
        "本文件由 dashboards/source 从 tcss.yml 生成，两者仅文字不同，只能加载其中一个。\n"
        "\n"
        "表达式只读取 exporter 的时间序列与阈值，不读取其他规则的结果，因此与计算顺序无关。`[2h]` 等时间范围用于跨越不超过两小时的\n"
        "重启与中断。如果多个 exporter 轮询同一账号，`and topk by (account, scan) (1, …)` 选择看到最新已完成扫描的那一个。",
    "The thresholds of each scan. To change one, add a rule of your own that records, for example,\n"
    "tcss:threshold:risk_images with the labels account and scan; see dashboards/README.md. `Inf` disables an alert.":
        "每个扫描的阈值。如需修改，请另写一条规则，记录例如 tcss:threshold:risk_images，并带有标签 account 与 scan，\n"
        "详见 dashboards/README.md。`Inf` 表示禁用告警。",
    "TcssRiskImagesHigh: more images at risk than this": "TcssRiskImagesHigh：风险镜像多于此值",
    "TcssRiskImagesIncreased: a larger increase within a day": "TcssRiskImagesIncreased：一天内的增加量大于此值",
    "TcssCoverageDropped: a larger drop within a day": "TcssCoverageDropped：一天内的降幅大于此值",
    "TcssScanStale: 8 days": "TcssScanStale：8 天",
    "TcssScanSlow: 2 hours": "TcssScanSlow：2 小时",
    "TcssScanStuck: 30 minutes": "TcssScanStuck：30 分钟",
    "TcssDataStale: 30 minutes": "TcssDataStale：30 分钟",
    "TcssCredentialsExpiring: 5 minutes": "TcssCredentialsExpiring：5 分钟",
    "Thresholds for all accounts together.": "所有账号共用的阈值。",
    "TcssThrottled: a larger ratio of throttled requests": "TcssThrottled：被限频的请求比例大于此值",
    "TcssApiErrors: a larger ratio of failed requests": "TcssApiErrors：失败的请求比例大于此值",
    "TcssThrottled, TcssApiErrors: also more failures in 15 minutes": "TcssThrottled、TcssApiErrors：且 15 分钟内失败次数多于此值",
    "TcssManyAccountsFailing: more accounts": "TcssManyAccountsFailing：账号多于此值",
    "TcssWebCertificateExpiring: 7 days": "TcssWebCertificateExpiring：7 天",
    'Findings of the last completed scan. Alerts about failures never inhibit alerts with the label risk="yes".':
        '最近一次完成的扫描的结果。关于故障的告警不会抑制带有标签 risk="yes" 的告警。',
    "The label `team` of the account in tcss_account_info, or `none`. Alertmanager can route by it.":
        "tcss_account_info 中该账号的标签 `team`，没有则为 `none`。Alertmanager 可据此路由。",
    "The course of scans.": "扫描过程。",
    "Access to the accounts.": "账号的访问。",
    "A missing permission of a further collector is reported by TcssPollsFailing: the scans are monitored.":
        "更多采集器缺少权限时由 TcssPollsFailing 告警，此时扫描仍被监控。",
    "The API, over all accounts. A standby counts its failures, and exposes no requests of accounts.":
        "API，所有账号合计。备副本会统计其失败次数，但不暴露账号的请求数。",
    "Accounts that are discovered.": "账号发现。",
    "The exporters. TcssExporterDown is critical if accounts are not monitored because of it.":
        "Exporter。如果有账号因此未被监控，TcssExporterDown 的级别为 critical。",
    "Replicas that elect the one that exposes the accounts (--ha.kubernetes-lease). Without it, the series do not exist.":
        "通过选主决定由哪个副本暴露账号（--ha.kubernetes-lease）。未启用时没有相应的时间序列。",
    "Risk beyond the vulnerability scan, from the further collectors. A collector that is off has no series, so its alerts\n"
    "do not fire. Like findings of scans, values are those of the last two hours, so gaps neither fire nor resolve alerts.":
        "漏洞扫描以外的风险，来自更多采集器。未启用的采集器没有时间序列，其告警不会触发。与扫描结果一样，取最近两小时内的值，\n"
        "因此数据中断既不会触发告警，也不会恢复告警。",
    "The thresholds of each account. To change one, record tcss:threshold:… with the label account.":
        "每个账号的阈值。如需修改，请记录带有标签 account 的 tcss:threshold:…。",
    "TcssExploitableVulnerabilities, critical": "TcssExploitableVulnerabilities，critical",
    "TcssExploitableVulnerabilities, warning": "TcssExploitableVulnerabilities，warning",
    "TcssLicenceExpiring, critical: 3 days": "TcssLicenceExpiring，critical：3 天",
    "TcssLicenceExpiring, warning: 14 days": "TcssLicenceExpiring，warning：14 天",
    "TcssLicencesUsedUp: all of them": "TcssLicencesUsedUp：全部用完",
    "TcssVulLibraryOld: 7 days": "TcssVulLibraryOld：7 天",
    "While a malware scan runs, its count starts at 0 again; the highest count of two hours bridges that.":
        "木马病毒扫描进行时，计数会从 0 重新开始，因此取两小时内的最大值。",
    "Not for sources without images, if the collector `summary` counts them.":
        "如果采集器 `summary` 统计了镜像数，则不包括没有镜像的来源。",
    "The critical alert fires with automatic renewal too, since it may fail.":
        "自动续费可能失败，因此即使已开启，critical 告警也会触发。",
}

# Comments of the example for Alertmanager.
ROUTES = {
    "Example configuration for Alertmanager: routes, receivers and inhibition rules, such that one cause is one notification.\n"
    "Copy the routes and inhibit_rules to your own configuration, and set up the receivers.\n"
    "\n"
    "Labels of the alerts: `severity` is critical (page somebody), warning (handle during working hours) or info (no\n"
    "notification); `component` is scan, licence, credentials, api or exporter; `risk` is \"yes\" for alerts about findings of scans;\n"
    "`team` is the label `team` of the account in tcss_account_info, or \"none\".":
        "Alertmanager 示例配置：路由、接收人与抑制规则，使同一原因只产生一条通知。\n"
        "请将 routes 与 inhibit_rules 复制到您的配置中，并设置接收人。\n"
        "\n"
        "告警的标签：`severity` 为 critical（立即通知值班人员）、warning（工作时间处理）或 info（不通知）；`component` 为 scan、\n"
        "licence、credentials、api 或 exporter；`risk` 为 \"yes\" 表示关于扫描结果的告警；`team` 为 tcss_account_info 中该账号的标签\n"
        "`team`，没有则为 \"none\"。",
    "One notification for all accounts that have the same problem. The summary of each alert names the account.":
        "问题相同的所有账号合并为一条通知，每条告警的 summary 中有账号名称。",
    "Alerts about the accounts of one team. Add a route for each team; the other accounts follow the routes below.":
        "某个团队的账号的告警。请为每个团队添加一条路由，其余账号使用下面的路由。",
    "Scans of many accounts complete within an hour or so: few notifications instead of one for each scan.":
        "许多账号的扫描大约在一小时内完成：合并为少量通知，而不是每个扫描一条。",
    "A firing alert inhibits alerts that are mere consequences of it. Alerts about findings are never inhibited by failures:\n"
    "the last findings remain valid.\n"
    "\n"
    "If several Prometheus servers send to one Alertmanager, add the external labels that distinguish them (cluster, for\n"
    "example) to every `equal`, and add an `equal` to rules without one. Otherwise an exporter that is missing in one\n"
    "Prometheus server inhibits the alerts of all others.":
        "触发中的告警会抑制仅由它引起的其他告警。关于扫描结果的告警不会被故障抑制，因为最近一次的结果仍然有效。\n"
        "\n"
        "如果多个 Prometheus 发送到同一个 Alertmanager，请将区分它们的外部标签（例如 cluster）加入每个 `equal`，没有 `equal` 的规则\n"
        "也要加上。否则一个 Prometheus 中缺少 exporter 时，会抑制其他所有 Prometheus 的告警。",
    "If no exporter is up, all other failures are consequences.": "没有在线的 exporter 时，其他故障都由此引起。",
    "TcssExporterDown names the exporter that is down.": "TcssExporterDown 指明宕机的 exporter。",
    "The accounts of a missing exporter are not monitored.": "Exporter 宕机时，其账号未被监控。",
    "Without a leader, no accounts are exposed.": "没有主副本时，不会暴露任何账号。",
    "TcssExporterDown names the replica that is missing.": "TcssExporterDown 指明缺少的副本。",
    "TcssReloadIncomplete counts the exporters whose reload failed.": "TcssReloadIncomplete 统计重新加载失败的 exporter。",
    "TcssManyAccountsFailing counts the accounts that fail for the same reason.":
        "TcssManyAccountsFailing 统计因同一原因失败的账号。",
    "A list that is refused has failed.": "被拒绝的账号列表也属于失败。",
    "Without working credentials, every poll of the account fails.": "凭证不可用时，该账号的所有轮询都会失败。",
    "Data are stale because polls fail.": "数据陈旧是轮询失败的结果。",
    "A stalled scan is slow, and prevents other scans from completing.": "停滞的扫描耗时长，并使其他扫描无法完成。",
    "A licence that ends within 3 days also ends within 14.": "3 天内到期的授权也在 14 天内到期。",
    "Without licences, scheduled scans fail.": "没有授权时，定时扫描会失败。",
    "The result of the last scheduled scan does not matter while there is no other one.":
        "定时扫描关闭期间，最近一次的结果不再重要。",
    "A count above the threshold is also above zero.": "超过阈值的数量必然大于零。",
}

RECEIVERS = """\
  # 以下地址与密钥均为示例，请替换。详见 https://prometheus.io/docs/alerting/latest/configuration/#receiver
  #
  # 企业微信：Alertmanager 内置支持。消息最长 2048 字节，因此最多列出 10 条告警。
  - name: on-call
    wechat_configs:
      - corp_id: ww0123456789abcdef
        agent_id: "1000002"
        api_secret: the-secret-of-the-application # 应用的 Secret
        to_party: "2"
        send_resolved: true
        message: |-
          {{ if .Alerts.Firing }}【触发】{{ .Alerts.Firing | len }} 条{{ end }}{{ if .Alerts.Resolved }}【恢复】{{ .Alerts.Resolved | len }} 条{{ end }}
          告警：{{ .CommonLabels.alertname }}
          级别：{{ if eq .CommonLabels.severity "critical" }}严重{{ else if eq .CommonLabels.severity "warning" }}警告{{ else }}{{ .CommonLabels.severity }}{{ end }}
          {{ range $index, $alert := .Alerts }}{{ if lt $index 10 }}{{ if eq .Status "firing" }}触发{{ else }}恢复{{ end }}：{{ .Annotations.summary }}
          {{ end }}{{ end }}处理手册：{{ .CommonAnnotations.runbook_url }}
  # 钉钉：通过网关 prometheus-webhook-dingtalk 转发，机器人的地址、加签密钥与消息模板在网关中配置。
  - name: operations
    webhook_configs:
      - url: http://prometheus-webhook-dingtalk:8060/dingtalk/webhook1/send
        send_resolved: true
  # 飞书：通过网关（例如 PrometheusAlert）转发，fsurl 为群机器人的地址，tpl 为网关中的消息模板。
  - name: team-payments
    webhook_configs:
      - url: http://prometheus-alert:8080/prometheusalert?type=fs&tpl=prometheus-fs&fsurl=the-url-of-the-bot
        send_resolved: true
  - name: discard
"""

CHINESE = Language("zh-CN", "-zh", NAMES | EMPTY | DESCRIPTIONS | SUMMARIES | COMMENTS | ROUTES)
