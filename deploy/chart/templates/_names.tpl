{{- /* 63 characters of a Service's name, less those of "-control-plane-replicas". */ -}}
{{- define "hintway.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
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

{{- /* The HTTPRoute that leads to it, the chart's own or another. */ -}}
{{- define "hintway.route" -}}
{{- if .Values.httpRoute.create -}}
{{ .Values.httpRoute.name | default (include "hintway.name" .) }}
{{- else -}}
{{ .Values.httpRoute.name | required "httpRoute.name: the gateway modes istio and envoy-gateway have the filter see one HTTPRoute's requests; name the one that leads to the Service of the pool, or set httpRoute.create=true" }}
{{- end -}}
{{- end -}}

{{- /* "true" where a gateway of others routes to the Service. */ -}}
{{- define "hintway.isRouted" -}}
{{- if has .Values.gateway.mode (list "istio" "envoy-gateway") }}true{{ end -}}
{{- end -}}

{{- define "hintway.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "hintway.controlPlaneHost" -}}
{{ include "hintway.controlPlane" . }}{{ if gt (int .Values.controlPlane.replicas) 1 }}-replicas{{ end }}.{{ .Release.Namespace }}.svc
{{- end -}}

{{- define "hintway.filterUrl" -}}
{{- if and .Values.controlPlane.tls.secret (not .Values.filter.url) -}}
{{- fail "filter.url: who fetches the filter for these gateways does not know the CA of controlPlane.tls; serve the filter elsewhere, as an image of oci://" -}}
{{- end -}}
{{ .Values.filter.url | default (printf "http://%s:8081/filter.wasm" (include "hintway.controlPlaneHost" .)) }}
{{- end -}}

{{- /* Of a text that has the word for it: the socket in a file where the control plane serves HTTPS, else none. */ -}}
{{- define "hintway.withTransport" -}}
{{- $tls := .root.Values.controlPlane.tls -}}
{{- if $tls.secret -}}
{{- $name := $tls.name | default (include "hintway.controlPlaneHost" .root) -}}
{{- $socket := .root.Files.Get .file | fromYaml | toJson | replace "CONTROL_PLANE_NAME" $name | replace "\"CONTROL_PLANE_CA\"" ($tls.ca | toJson) -}}
{{- .text | replace "CONTROL_PLANE_TRANSPORT" $socket -}}
{{- else -}}
{{- regexReplaceAll "(?m)^ *transport_socket: CONTROL_PLANE_TRANSPORT\n" .text "" -}}
{{- end -}}
{{- end -}}

{{- /* The same for gateways of others, which have no file of ours. */ -}}
{{- define "hintway.withWrittenTransport" -}}
{{- $tls := .root.Values.controlPlane.tls -}}
{{- if and $tls.secret (not $tls.ca) -}}
{{- fail "controlPlane.tls.ca: the gateway modes istio and envoy-gateway write the CA into the gateway's configuration; set it to the text of ca.crt (--set-file)" -}}
{{- end -}}
{{- include "hintway.withTransport" (dict "root" .root "text" .text "file" "files/control-plane-transport-written.yaml") -}}
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

{{- /* As YAML. */ -}}
{{- define "hintway.bearer" -}}
{{ printf "Bearer %s" (include "hintway.tokenText" .) | quote }}
{{- end -}}

{{- /* Pods of the model servers. */ -}}
{{- define "hintway.modelServerSelector" -}}
{{- if .Values.modelServers.create -}}
{{ include "hintway.selector" . }}
app.kubernetes.io/component: model-server
{{- else if .Values.inferencePool.selector -}}
{{ toYaml .Values.inferencePool.selector }}
{{- else -}}
{{- fail "inferencePool.selector: give the labels of your model servers' Pods, as in inferencePool.selector.app=my-vllm, or set modelServers.create=true" }}
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
app.kubernetes.io/instance: {{ .Release.Name | quote }}
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
