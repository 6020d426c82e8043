{{/* 52 characters at most: the pods of a StatefulSet get a label with its name and 11 further characters. */}}
{{- define "tcss-exporter.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "tcss-exporter.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{- define "tcss-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The suffix of the Deployment of a shard. */}}
{{- define "tcss-exporter.shardSuffix" -}}
{{- with .shard }}-{{ . }}{{ end -}}
{{- end -}}

{{/* What selects the pods of one workload. */}}
{{- define "tcss-exporter.podSelector" -}}
{{ include "tcss-exporter.selectorLabels" . }}
{{- with .shard }}
app.kubernetes.io/component: shard-{{ . }}
{{- end }}
{{- end -}}

{{- define "tcss-exporter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "tcss-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | replace "+" "_" | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: tcss-exporter
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The metadata of a resource. Takes a list: the root, the suffix of the name, the namespace, labels, annotations. */}}
{{- define "tcss-exporter.metadata" -}}
{{- $root := index . 0 -}}
{{- $labels := index . 3 -}}
{{- $annotations := index . 4 -}}
metadata:
  name: {{ include "tcss-exporter.fullname" $root }}{{ index . 1 }}
  namespace: {{ default (include "tcss-exporter.namespace" $root) (index . 2) }}
  labels:
    {{- merge (dict) $labels (fromYaml (include "tcss-exporter.labels" $root)) | toYaml | nindent 4 }}
  {{- with $annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{- define "tcss-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "tcss-exporter.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "tcss-exporter.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- with $registry }}{{ . }}/{{ end -}}
{{- .Values.image.repository -}}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end -}}
{{- end -}}

{{- define "tcss-exporter.configText" -}}
{{- if kindIs "string" .Values.config }}{{ .Values.config }}{{ else }}{{ toYaml .Values.config }}{{ end -}}
{{- end -}}

{{/* "true" if there is a configuration. */}}
{{- define "tcss-exporter.hasConfig" -}}
{{- if and (not .Values.demo) (or .Values.config .Values.existingConfigMap .Values.existingConfigSecret) }}true{{ end -}}
{{- end -}}

{{/* "true" if there is a web configuration. */}}
{{- define "tcss-exporter.hasWebConfig" -}}
{{- if or .Values.web.config .Values.web.existingSecret }}true{{ end -}}
{{- end -}}

{{- define "tcss-exporter.scheme" -}}
{{- if or (and .Values.web.existingSecret .Values.web.tls) (and (not .Values.web.existingSecret) .Values.web.config.tls_server_config) }}https{{ else }}http{{ end -}}
{{- end -}}

{{/* "true" if clients without a certificate cannot connect. */}}
{{- define "tcss-exporter.demandsClientCertificates" -}}
{{- if .Values.web.existingSecret -}}
{{- if .Values.web.clientCertificates }}true{{ end -}}
{{- else -}}
{{- with .Values.web.config.tls_server_config -}}
{{- if or (hasPrefix "Require" (default "" .client_auth_type)) (and .client_ca_file (not .client_auth_type)) }}true{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What cannot work, whatever the schema says. */}}
{{- define "tcss-exporter.validate" -}}
{{- $sources := list -}}
{{- if .Values.config }}{{ $sources = append $sources "config" }}{{ end -}}
{{- if .Values.existingConfigMap }}{{ $sources = append $sources "existingConfigMap" }}{{ end -}}
{{- if .Values.existingConfigSecret }}{{ $sources = append $sources "existingConfigSecret" }}{{ end -}}
{{- if gt (len $sources) 1 }}{{ fail (printf "%s are mutually exclusive: set one of them" (join ", " $sources)) }}{{ end -}}
{{- if and .Values.web.config .Values.web.existingSecret }}{{ fail "web.config and web.existingSecret are mutually exclusive" }}{{ end -}}
{{- if and .Values.extraCA.configMap .Values.extraCA.secret }}{{ fail "extraCA.configMap and extraCA.secret are mutually exclusive" }}{{ end -}}
{{- if and .Values.demo $sources }}{{ fail (printf "demo has its own accounts: unset %s" (index $sources 0)) }}{{ end -}}
{{- if and .Values.demo (gt (int .Values.shards) 1) }}{{ fail "demo cannot be divided into shards" }}{{ end -}}
{{- if and .Values.accountFiles (not (include "tcss-exporter.hasConfig" .)) }}{{ fail "accountFiles need a configuration with account_files: set config, existingConfigMap or existingConfigSecret" }}{{ end -}}
{{- if and .Values.podDisruptionBudget.enabled (not (kindIs "invalid" .Values.podDisruptionBudget.minAvailable)) (not (kindIs "invalid" .Values.podDisruptionBudget.maxUnavailable)) }}{{ fail "podDisruptionBudget.minAvailable and podDisruptionBudget.maxUnavailable are mutually exclusive" }}{{ end -}}
{{- end -}}
