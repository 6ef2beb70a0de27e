"""Checks of manifests: dashboards, alerts and load tests."""

from __future__ import annotations

from capplan.findings import Check

_MODEL = "https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/"

DASHBOARD_UID = Check(
    code="dashboard-uid",
    severity="warning",
    title="A dashboard cannot be imported by its identity",
    why="Grafana refuses a longer uid, and an id from another installation overwrites the wrong dashboard.",
    breaks="""\
{schemaVersion: 39, id: 7, panels: []}
""",
    near="""\
{schemaVersion: 39, uid: web, panels: []}
""",
    remedy="Give a uid of at most 40 characters, and no id.",
    source=_MODEL,
)
DASHBOARD_PANEL_ID = Check(
    code="dashboard-panel-id",
    severity="warning",
    title="Two panels have one id",
    why="Links and alerts of one panel open the other.",
    breaks="""\
{schemaVersion: 39, panels: [{id: 1, title: load}, {id: 1, title: errors}]}
""",
    near="""\
{schemaVersion: 39, panels: [{id: 1, title: load}, {id: 2, title: errors}]}
""",
    remedy="Give each its own id.",
    source=_MODEL,
)
DASHBOARD_PANEL_TYPE = Check(
    code="dashboard-panel-type",
    severity="warning",
    title="A panel of a type that Grafana no longer has",
    why="Since Grafana 12 panels of AngularJS show nothing.",
    breaks="""\
{schemaVersion: 39, panels: [{id: 1, type: graph}]}
""",
    near="""\
{schemaVersion: 39, panels: [{id: 1, type: timeseries}]}
""",
    remedy="Use timeseries or stat.",
    source="https://grafana.com/docs/grafana/latest/developers/angular_deprecation/",
)
DASHBOARD_GRID = Check(
    code="dashboard-grid",
    severity="warning",
    title="A panel is beyond the grid",
    why="The grid has 24 columns; Grafana moves the panel, and the layout is another than the file says.",
    breaks="""\
{schemaVersion: 39, panels: [{id: 1, gridPos: {x: 16, y: 0, w: 12, h: 8}}]}
""",
    near="""\
{schemaVersion: 39, panels: [{id: 1, gridPos: {x: 12, y: 0, w: 12, h: 8}}]}
""",
    remedy="Keep x + w at 24 or less.",
    source=_MODEL,
)
DASHBOARD_OVERLAP = Check(
    code="dashboard-overlap",
    severity="warning",
    title="Two panels overlap",
    why="Grafana moves one of them, and the layout is another than the file says.",
    breaks="""\
{schemaVersion: 39, panels: [{gridPos: {x: 0, y: 0, w: 12, h: 8}}, {gridPos: {x: 8, y: 0, w: 12, h: 8}}]}
""",
    near="""\
{schemaVersion: 39, panels: [{gridPos: {x: 0, y: 0, w: 12, h: 8}}, {gridPos: {x: 12, y: 0, w: 12, h: 8}}]}
""",
    remedy="Give each panel cells of its own.",
    source=_MODEL,
)
DASHBOARD_REF_ID = Check(
    code="dashboard-ref-id",
    severity="warning",
    title="Two queries of a panel have one refId",
    why="Grafana tells queries apart by refId, so only one of them is shown.",
    breaks="""\
{schemaVersion: 39, panels: [{targets: [{refId: A, expr: up}, {refId: A, expr: down}]}]}
""",
    near="""\
{schemaVersion: 39, panels: [{targets: [{refId: A, expr: up}, {refId: B, expr: down}]}]}
""",
    remedy="Give each its own refId.",
    source=_MODEL,
)
DASHBOARD_DATASOURCE = Check(
    code="dashboard-datasource",
    severity="warning",
    title="A panel uses a data source that the dashboard does not declare",
    why="The panel shows an error instead of data.",
    breaks="""\
{schemaVersion: 39, panels: [{datasource: {uid: "${ds}"}}]}
""",
    near="""\
schemaVersion: 39
panels: [{datasource: {uid: "${ds}"}}]
templating: {list: [{name: ds, type: datasource}]}
""",
    remedy="Declare the variable under templating.",
    source="https://grafana.com/docs/grafana/latest/dashboards/variables/add-template-variables/",
)
LOAD_TEST_HARD_CODED_HOST = Check(
    code="load-test-hard-coded-host",
    severity="warning",
    title="A load test knows only one host",
    why="It cannot be pointed at a test environment, so sooner or later it loads production.",
    breaks="""\
// file: load.js
import http from 'k6/http'
export default () => http.get('https://shop.example.com')
""",
    near="""\
// file: load.js
import http from 'k6/http'
export default () => http.get(__ENV.TARGET)
""",
    remedy="Take the host from the environment.",
    source="https://grafana.com/docs/k6/latest/using-k6/environment-variables/",
)
LOAD_TEST_NO_THRESHOLDS = Check(
    code="load-test-no-thresholds",
    severity="warning",
    title="A load test cannot fail",
    why="Without thresholds it passes however slow the answers are.",
    breaks="""\
// file: load.js
import http from 'k6/http'
export const options = {vus: 10}
""",
    near="""\
// file: load.js
import http from 'k6/http'
export const options = {vus: 10, thresholds: {http_req_duration: ['p(95)<300']}}
""",
    remedy="Add thresholds for errors and latency.",
    source="https://grafana.com/docs/k6/latest/using-k6/thresholds/",
)
LOAD_TEST_UNSET_TOKEN = Check(
    code="load-test-unset-token",
    severity="error",
    title="A load test reads a token that nothing sets",
    why="Every request fails with an error of the script, and the test measures nothing.",
    breaks="""\
# file: locustfile.py
class User(HttpUser):
    def buy(self):
        self.client.get("/", headers={"Authorization": self.token})
""",
    near="""\
# file: locustfile.py
class User(HttpUser):
    def on_start(self):
        self.token = os.environ["TOKEN"]
    def buy(self):
        self.client.get("/", headers={"Authorization": self.token})
""",
    remedy="Set it in on_start.",
    source="https://docs.locust.io/en/stable/writing-a-locustfile.html#on-start-and-on-stop-methods",
)
RULES_WITHOUT_TEST = Check(
    code="rules-without-test",
    severity="info",
    title="Alert rules have no unit test",
    why="An alert that never fires looks the same as one that has nothing to say.",
    breaks="""\
# file: web.rules.yaml
groups: [{name: web, rules: [{alert: Busy, expr: "cpu > 5"}]}]
""",
    near="""\
# file: web.rules.yaml
groups: [{name: web, rules: [{alert: Busy, expr: "cpu > 5"}]}]
# file: web.rules_test.yaml
rule_files: [web.rules.yaml]
tests: []
""",
    remedy="Name them in a file of tests for promtool.",
    source="https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/",
)
MONITOR_WITHOUT_SERVICE = Check(
    code="monitor-without-service",
    severity="warning",
    title="A ServiceMonitor selects no Service",
    why="Prometheus scrapes nothing, and alerts on these metrics never fire.",
    breaks="""\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}, endpoints: [{port: http}]}
---
kind: Service
""",
    near="""\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}, endpoints: [{port: http}]}
---
kind: Service
metadata: {name: web, labels: {app: web}}
""",
    remedy="Select by labels of the Service itself, not of its pods.",
    source="https://prometheus-operator.dev/docs/developer/getting-started/",
)
MONITOR_PORT = Check(
    code="monitor-port",
    severity="error",
    title="A ServiceMonitor names a port that its Service does not have",
    why="Prometheus finds no target, so it scrapes nothing.",
    breaks="""\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}, endpoints: [{port: metrics}]}
---
kind: Service
metadata: {name: web, labels: {app: web}}
""",
    near="""\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: web}
spec: {selector: {matchLabels: {app: web}}, endpoints: [{port: http}]}
---
kind: Service
metadata: {name: web, labels: {app: web}}
""",
    remedy="Use the name of a port of the Service.",
    source="https://prometheus-operator.dev/docs/developer/getting-started/",
)
GONE_METRIC = Check(
    code="gone-metric",
    severity="warning",
    title="A query asks for series that are no longer exported",
    why="The query is always empty, so the alert never fires or the autoscaler never scales.",
    breaks="""\
kind: ScaledObject
spec:
  triggers:
  - type: prometheus
    metadata: {serverAddress: "http://p", query: "kube_hpa_status_current_replicas", threshold: "5"}
""",
    near="""\
kind: ScaledObject
spec:
  triggers:
  - type: prometheus
    metadata:
      serverAddress: "http://p"
      query: kube_horizontalpodautoscaler_status_current_replicas
      threshold: "5"
""",
    remedy="Use the series that took its place.",
    source="https://github.com/kubernetes/kube-state-metrics/blob/main/CHANGELOG.md",
)
QUERY = Check(
    code="query",
    severity="error",
    title="A query that Prometheus cannot read",
    why="Prometheus and its operator refuse the rule; KEDA gets no figure.",
    breaks="""\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
spec: {groups: [{name: web, rules: [{alert: Down, expr: "sum(up{job='web'} == 0"}]}]}
""",
    near="""\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
spec: {groups: [{name: web, rules: [{alert: Down, expr: "sum(up{job='web'}) == 0"}]}]}
""",
    remedy="Close every bracket and quote.",
    source="https://prometheus.io/docs/prometheus/latest/querying/basics/",
)
EMPTY_QUERY = Check(
    code="empty-query",
    severity="warning",
    title="A query names an object or a recorded series almost as it is called",
    why="The query finds no series, so the alert never fires.",
    breaks="""\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
spec:
  groups:
  - name: web
    rules:
    - {record: "job:errors:rate5m", expr: "sum(rate(errors_total[5m]))"}
    - {alert: Errors, expr: "job:erors:rate5m > 1"}
""",
    near="""\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
spec:
  groups:
  - name: web
    rules:
    - {record: "job:errors:rate5m", expr: "sum(rate(errors_total[5m]))"}
    - {alert: Errors, expr: "job:errors:rate5m > 1"}
""",
    remedy="Correct the name.",
    source="https://prometheus.io/docs/practices/rules/",
)
