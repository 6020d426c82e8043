{{/* The arguments of the exporter, one per line. */}}
{{- define "tcss-exporter.args" -}}
{{- if .Values.demo }}
- demo
{{- else }}
- serve
{{- if include "tcss-exporter.hasConfig" . }}
- --config.file=/etc/tcss-exporter/config/{{ .Values.configKey }}
{{- if not (regexMatch "^0+[a-z]+$" .Values.autoReloadInterval) }}
- --config.auto-reload-interval={{ .Values.autoReloadInterval }}
{{- end }}
{{- end }}
{{- if gt (int .Values.shards) 1 }}
- --shard={{ default "auto" .shard }}/{{ int .Values.shards }}
{{- end }}
{{- if .Values.leaderElection.enabled }}
- --ha.kubernetes-lease={{ include "tcss-exporter.fullname" . }}
- --ha.lease-duration={{ .Values.leaderElection.leaseDuration }}
- --ha.standby={{ .Values.leaderElection.standby }}
{{- end }}
{{- end }}
- --web.listen-address=:{{ int .Values.web.port }}
- --web.telemetry-path={{ .Values.web.telemetryPath }}
- --web.max-requests={{ int .Values.web.maxRequests }}
{{- if .Values.web.enableLifecycle }}
- --web.enable-lifecycle
{{- end }}
{{- if include "tcss-exporter.hasWebConfig" . }}
- --web.config.file=/etc/tcss-exporter/web/{{ ternary .Values.web.existingSecretKey "web.yml" (ne .Values.web.existingSecret "") }}
{{- end }}
- --log.level={{ .Values.log.level }}
- --log.format={{ .Values.log.format }}
{{- with .Values.extraArgs }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tcss-exporter.env" -}}
- name: HOSTNAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
{{- with .Values.existingSecret }}
{{- if .name }}
- name: TENCENTCLOUD_SECRET_ID
  valueFrom:
    secretKeyRef:
      name: {{ .name }}
      key: {{ .secretIdKey }}
- name: TENCENTCLOUD_SECRET_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .name }}
      key: {{ .secretKeyKey }}
{{- if .tokenKey }}
- name: TENCENTCLOUD_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ .name }}
      key: {{ .tokenKey }}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.proxy.httpsProxy }}
- name: HTTPS_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with .Values.proxy.noProxy }}
- name: NO_PROXY
  value: {{ . | quote }}
{{- end }}
{{- if or .Values.extraCA.configMap .Values.extraCA.secret }}
- name: SSL_CERT_FILE
  value: /etc/ssl/certs/ca-certificates.crt
- name: SSL_CERT_DIR
  value: /etc/tcss-exporter/ca
{{- end }}
{{- with .Values.extraEnv }}
{{ tpl (toYaml .) $ }}
{{- end }}
{{- end -}}

{{- define "tcss-exporter.volumeMounts" -}}
{{- if include "tcss-exporter.hasConfig" . }}
- name: config
  mountPath: /etc/tcss-exporter/config
  readOnly: true
{{- end }}
{{- range .Values.accountFiles }}
{{- $name := default .configMap .secret }}
- name: accounts-{{ $name | replace "." "-" | trunc 54 | trimSuffix "-" }}
  mountPath: /etc/tcss-exporter/accounts.d/{{ $name }}
  readOnly: true
{{- end }}
{{- range .Values.secretMounts }}
- name: secret-{{ . | replace "." "-" | trunc 56 | trimSuffix "-" }}
  mountPath: /etc/tcss-exporter/secrets/{{ . }}
  readOnly: true
{{- end }}
{{- if include "tcss-exporter.hasWebConfig" . }}
- name: web
  mountPath: /etc/tcss-exporter/web
  readOnly: true
{{- end }}
{{- if .Values.web.tlsSecret }}
- name: tls
  mountPath: /etc/tcss-exporter/tls
  readOnly: true
{{- end }}
{{- if or .Values.extraCA.configMap .Values.extraCA.secret }}
- name: ca
  mountPath: /etc/tcss-exporter/ca
  readOnly: true
{{- end }}
{{- if .Values.leaderElection.enabled }}
- name: kubernetes
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Modes are 0440: files of a volume belong to root and the group fsGroup. */}}
{{- define "tcss-exporter.volumes" -}}
{{- if include "tcss-exporter.hasConfig" . }}
- name: config
  {{- if .Values.existingConfigSecret }}
  secret:
    secretName: {{ .Values.existingConfigSecret }}
    defaultMode: 0440
  {{- else }}
  configMap:
    name: {{ default (include "tcss-exporter.fullname" .) .Values.existingConfigMap }}
  {{- end }}
{{- end }}
{{- range .Values.accountFiles }}
- name: accounts-{{ default .configMap .secret | replace "." "-" | trunc 54 | trimSuffix "-" }}
  {{- if .secret }}
  secret:
    secretName: {{ .secret }}
    defaultMode: 0440
  {{- else }}
  configMap:
    name: {{ .configMap }}
  {{- end }}
{{- end }}
{{- range .Values.secretMounts }}
- name: secret-{{ . | replace "." "-" | trunc 56 | trimSuffix "-" }}
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- if include "tcss-exporter.hasWebConfig" . }}
- name: web
  secret:
    secretName: {{ default (printf "%s-web" (include "tcss-exporter.fullname" .)) .Values.web.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- with .Values.web.tlsSecret }}
- name: tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- with .Values.extraCA }}
{{- if .secret }}
- name: ca
  secret:
    secretName: {{ .secret }}
{{- else if .configMap }}
- name: ca
  configMap:
    name: {{ .configMap }}
{{- end }}
{{- end }}
{{- if .Values.leaderElection.enabled }}
- name: kubernetes
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3607
      - configMap:
          name: kube-root-ca.crt
          items: [{key: ca.crt, path: ca.crt}]
      - downwardAPI:
          items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* A probe. Takes a list: the root, the values of the probe, the path. */}}
{{- define "tcss-exporter.probe" -}}
{{- $root := index . 0 -}}
{{- if include "tcss-exporter.demandsClientCertificates" $root -}}
exec:
  command: [/tcss-exporter, health, --web.listen-address=:{{ int $root.Values.web.port }}]
{{- else -}}
httpGet:
  path: {{ index . 2 }}
  port: metrics
  scheme: {{ include "tcss-exporter.scheme" $root | upper }}
{{- end }}
{{- with index . 1 }}
initialDelaySeconds: {{ int .initialDelaySeconds }}
periodSeconds: {{ int .periodSeconds }}
timeoutSeconds: {{ int .timeoutSeconds }}
failureThreshold: {{ int .failureThreshold }}
{{- end }}
{{- end -}}

{{/* The template of the pods, for Deployments and the StatefulSet. */}}
{{- define "tcss-exporter.podTemplate" -}}
metadata:
  labels:
    {{- $labels := fromYaml (tpl (toYaml .Values.podLabels) .) }}
    {{- /* Without helm.sh/chart, which would restart the pods with every version of the chart. */}}
    {{- merge (fromYaml (include "tcss-exporter.podSelector" .)) $labels .Values.commonLabels | toYaml | nindent 4 }}
  {{- $annotations := fromYaml (tpl (toYaml .Values.podAnnotations) .) }}
  {{- if and .Values.restartOnConfigChange (or .Values.config .Values.web.config) }}
  {{- $checksum := printf "%s\n%s" (include "tcss-exporter.configText" .) (toYaml .Values.web.config) | sha256sum }}
  {{- $annotations = merge $annotations (dict "checksum/config" $checksum) }}
  {{- end }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ include "tcss-exporter.serviceAccountName" . }}
  automountServiceAccountToken: {{ .Values.serviceAccount.automountServiceAccountToken }}
  enableServiceLinks: false
  {{- with concat .Values.global.imagePullSecrets .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ int .Values.terminationGracePeriodSeconds }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with .Values.schedulerName }}
  schedulerName: {{ . }}
  {{- end }}
  {{- if .Values.hostNetwork }}
  hostNetwork: true
  {{- end }}
  {{- if not (kindIs "invalid" .Values.hostUsers) }}
  hostUsers: {{ .Values.hostUsers }}
  {{- end }}
  {{- with .Values.dnsPolicy }}
  dnsPolicy: {{ . }}
  {{- end }}
  {{- with .Values.dnsConfig }}
  dnsConfig:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.hostAliases }}
  hostAliases:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.initContainers }}
  initContainers:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: tcss-exporter
      image: {{ include "tcss-exporter.image" . }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        {{- include "tcss-exporter.args" . | trim | nindent 8 }}
      env:
        {{- include "tcss-exporter.env" . | nindent 8 }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: metrics
          containerPort: {{ int .Values.web.port }}
          protocol: TCP
      {{- if .Values.livenessProbe.enabled }}
      livenessProbe:
        {{- include "tcss-exporter.probe" (list . .Values.livenessProbe "/-/healthy") | nindent 8 }}
      {{- end }}
      {{- if .Values.readinessProbe.enabled }}
      readinessProbe:
        {{- include "tcss-exporter.probe" (list . .Values.readinessProbe "/-/ready") | nindent 8 }}
      {{- end }}
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with include "tcss-exporter.volumeMounts" . | trim }}
      volumeMounts:
        {{- . | nindent 8 }}
      {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with include "tcss-exporter.volumes" . | trim }}
  volumes:
    {{- . | nindent 4 }}
  {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
  {{- else if and .Values.leaderElection.enabled (not .Values.affinity) }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "tcss-exporter.podSelector" . | nindent 10 }}
  {{- end }}
{{- end -}}
