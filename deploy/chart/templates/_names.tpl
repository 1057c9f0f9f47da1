{{- define "hintway.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "hintway.controlPlane" -}}
{{ include "hintway.name" . }}-control-plane
{{- end -}}

{{- define "hintway.gateway" -}}
{{ include "hintway.name" . }}-gateway
{{- end -}}

{{- define "hintway.modelServers" -}}
{{ include "hintway.name" . }}-model-server
{{- end -}}

{{- define "hintway.poolService" -}}
{{ include "hintway.name" . }}-pool
{{- end -}}

{{- define "hintway.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "hintway.controlPlaneHost" -}}
{{ include "hintway.controlPlane" . }}{{ if gt (int .Values.controlPlane.replicas) 1 }}-replicas{{ end }}.{{ .Release.Namespace }}.svc
{{- end -}}

{{- define "hintway.filterUrl" -}}
{{ .Values.filter.url | default (printf "http://%s:8081/filter.wasm" (include "hintway.controlPlaneHost" .)) }}
{{- end -}}

{{- define "hintway.tokenSecret" -}}
{{ .Values.token.existingSecret | default (printf "%s-token" (include "hintway.name" .)) }}
{{- end -}}

{{- /* The token that gateways show, in the clear: gateways of others cannot read it from a Secret of ours. */ -}}
{{- define "hintway.tokenText" -}}
{{- $kept := lookup "v1" "Secret" .Release.Namespace (include "hintway.tokenSecret" .) -}}
{{- if .Values.token.inline -}}
{{ .Values.token.inline }}
{{- else -}}
{{ dig "data" "token" "" $kept | b64dec | required "token.inline: the gateway modes istio and envoy-gateway write the token into the gateway's configuration, and the Secret cannot be read here; set token.inline, or install where the Secret of token.existingSecret exists" }}
{{- end -}}
{{- end -}}

{{- /* Pods of the model servers. */ -}}
{{- define "hintway.modelServerSelector" -}}
{{- if .Values.modelServers.create -}}
{{ include "hintway.selector" . }}
app.kubernetes.io/component: model-server
{{- else -}}
{{ toYaml .Values.inferencePool.selector }}
{{- end -}}
{{- end -}}

{{- /* Of the object; selectors use the part below. */ -}}
{{- define "hintway.labels" -}}
{{ include "hintway.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "hintway.selector" -}}
app.kubernetes.io/name: hintway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "hintway.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "hintway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}
