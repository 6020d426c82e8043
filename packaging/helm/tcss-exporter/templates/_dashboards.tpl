{{/*
The board Risk without the panels and columns that only show metrics of collectors that are off, and without empty rows; a
copy of dashboards/source/selection.py. Takes (list BOARD COLLECTORS).
*/}}
{{- define "tcss-exporter.selectedBoard" -}}
{{- $board := index . 0 | fromJson }}
{{- $collectors := index . 1 }}
{{- $rows := list }}
{{- $kept := dict }}
{{- range $panel := $board.panels }}
  {{- if eq $panel.type "row" }}
    {{- $rows = append $rows $panel }}
  {{- else if not (include "tcss-exporter.isOff" (list $panel.targets $collectors)) }}
    {{- $title := (last $rows).title }}
    {{- $_ := set $kept $title (append (get $kept $title | default list) $panel) }}
    {{- range $target := $panel.targets }}
      {{- if include "tcss-exporter.isOff" (list (list $target) $collectors) }}
        {{- include "tcss-exporter.withoutColumn" (list $panel (printf "Value #%s" $target.refId)) }}
      {{- end }}
    {{- end }}
  {{- end }}
{{- end }}
{{- $panels := list }}
{{- $y := 0 }}
{{- range $row := $rows }}
  {{- with get $kept $row.title }}
    {{- $_ := set $row.gridPos "y" $y }}
    {{- $panels = append $panels $row }}
    {{- $y = add $y 1 }}
    {{- /* Panels at the same height are a line, and fill its width in proportion to their widths. */}}
    {{- $whole := dict }}
    {{- range . }}
      {{- $line := toString .gridPos.y }}
      {{- $_ := set $whole $line (add (get $whole $line | default 0) .gridPos.w) }}
    {{- end }}
    {{- $line := "" }}
    {{- $passed := 0 }}
    {{- $height := 0 }}
    {{- range . }}
      {{- if ne $line (toString .gridPos.y) }}
        {{- $line = toString .gridPos.y }}
        {{- $y = add $y $height }}
        {{- $passed = 0 }}
        {{- $height = .gridPos.h }}
      {{- end }}
      {{- $x := div (mul 24 $passed) (get $whole $line) }}
      {{- $passed = add $passed .gridPos.w }}
      {{- $w := sub (div (mul 24 $passed) (get $whole $line)) $x }}
      {{- $_ := set . "gridPos" (dict "x" $x "y" $y "w" $w "h" .gridPos.h) }}
      {{- $panels = append $panels . }}
    {{- end }}
    {{- $y = add $y $height }}
  {{- end }}
{{- end }}
{{- range $index, $panel := $panels }}
  {{- $_ := set $panel "id" (add $index 1) }}
{{- end }}
{{- set $board "panels" $panels | toRawJson }}
{{- end }}

{{/* Whether queries read metrics of the collectors on the board, but of none that is on. Takes (list QUERIES COLLECTORS). */}}
{{- define "tcss-exporter.isOff" -}}
{{- $expressions := "" }}
{{- range index . 0 }}{{ $expressions = printf "%s %s" $expressions .expr }}{{ end }}
{{- $isRead := false }}
{{- $isOn := false }}
{{- range $name := list "assets" "image_risks" "image_scan" "licence" "risk_images" "scan_settings" "summary" "top_vulnerabilities" "virus_scan" "vul_database" "vul_summary" }}
  {{- $metrics := ternary "tcss_vul_scan_image_" (printf "tcss_%s" $name) (eq $name "risk_images") }}
  {{- if contains $metrics $expressions }}
    {{- $isRead = true }}
    {{- if has $name (index $ 1) }}{{ $isOn = true }}{{ end }}
  {{- end }}
{{- end }}
{{- if and $isRead (not $isOn) }}true{{ end }}
{{- end }}

{{/* Hides a column of a table, changing the panel. The query stays, as in selection.py. Takes (list PANEL COLUMN). */}}
{{- define "tcss-exporter.withoutColumn" -}}
{{- $panel := index . 0 }}
{{- $column := index . 1 }}
{{- range $panel.transformations }}
  {{- if eq .id "organize" }}
    {{- $_ := set .options.excludeByName $column true }}
    {{- $title := get .options.renameByName $column }}
    {{- $sort := list }}
    {{- range $panel.options.sortBy }}{{ if ne .displayName $title }}{{ $sort = append $sort . }}{{ end }}{{ end }}
    {{- $_ := set $panel.options "sortBy" $sort }}
  {{- end }}
{{- end }}
{{- end }}
