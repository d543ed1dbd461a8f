# ruff: noqa: E501 - lines of HTML and CSS are as long as they are.
"""The page of a report, as a template: everything inside, nothing fetched."""

STYLE = """
:root { color-scheme: light; --ink: #1b2733; --faint: #66737f; --line: #e3e8ed; --gain: #1f6feb; --loss: #d1495b; }
* { box-sizing: border-box; }
body { margin: 0; background: #f5f7f9; color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 56px; }
h1 { margin: 0; font-size: 26px; letter-spacing: -0.01em; }
h2 { margin: 0 0 12px; font-size: 16px; }
p { margin: 4px 0 0; color: var(--faint); }
section { background: #fff; border: 1px solid var(--line); border-radius: 10px; padding: 20px 22px; margin-top: 18px; overflow-x: auto; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin-top: 20px; }
.tile { background: #fff; border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
.tile span { display: block; color: var(--faint); font-size: 12.5px; }
.tile b { font-size: 19px; font-variant-numeric: tabular-nums; white-space: nowrap; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(380px, 1fr)); gap: 0 18px; align-items: start; }
img { display: block; width: 100%; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { color: var(--faint); font-weight: 500; font-size: 12.5px; text-align: right; padding: 3px 8px; }
td { border-top: 1px solid var(--line); padding: 5px 8px; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
td.words, th.words { text-align: left; white-space: normal; }
.months { font-size: 13px; }
.months td { border-top: 2px solid #fff; text-align: center; padding: 4px 3px; }
.months th { text-align: center; }
.months td:last-child { font-weight: 600; }
.sum td { font-weight: 600; border-top-width: 2px; }
.loss { color: var(--loss); }
.none { color: var(--faint); }
footer { margin-top: 22px; color: var(--faint); font-size: 13px; }
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ run.name }} - execbridge</title>
<style>{{ style | safe }}</style>
</head>
<body>
<main>
<h1>{{ run.name }}</h1>
<p>Portfolio {{ run.portfolio.id }}, backtest from {{ run.start }} to {{ run.end }}: {{ "{:,}".format(result.day | length) }}
trading days, {{ "{:,}".format(result.orders) }} orders, {{ "{:,}".format(result.fills) }} fills,
{{ run.initial_cash | money }} of initial cash.</p>

<div class="tiles">
{% for name, value in headline %}
<div class="tile"><span>{{ name | capitalize }}</span><b>{{ value }}</b></div>
{% endfor %}
</div>

<section><img alt="Equity and drawdown" src="data:image/png;base64,{{ picture }}"></section>

<section>
<h2>Returns by month</h2>
<table class="months">
<tr><th>Year</th>
{% for name in ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] %}<th>{{ name }}</th>
{% endfor %}<th>Year</th></tr>
{% for year in years %}
<tr><td>{{ year.year }}</td>
{% for value in year.months %}
{% if value is none %}<td></td>
{% else %}<td style="background: {{ value | colour }}">{{ "%.1f" | format(100 * value) }}</td>
{% endif %}
{% endfor %}
<td{% if year.total < 0 %} class="loss"{% endif %}>{{ "%.1f" | format(100 * year.total) }}</td></tr>
{% endfor %}
</table>
<p>In percent; the first month begins with the initial cash.</p>
</section>

<div class="pair">
<section>
<h2>Deepest drawdowns</h2>
<table>
<tr><th>Peak</th><th>Trough</th><th>Recovered</th><th>Days</th><th>Depth</th></tr>
{% for fall in drawdowns %}
<tr><td>{{ fall.peak }}</td><td>{{ fall.trough }}</td><td>{{ fall.recovered or "not yet" }}</td>
<td>{{ "{:,}".format(fall.days) }}</td><td class="loss">{{ fall.depth | percent }}</td></tr>
{% else %}
<tr><td colspan="5" class="none">None: equity never fell.</td></tr>
{% endfor %}
</table>
</section>
<section>
<h2>Costs</h2>
<table>
{% for name, value in costs %}
<tr><td>{{ name | capitalize }}</td><td>{{ value }}</td></tr>
{% endfor %}
</table>
<p>Shortfall is what fills cost more than the last closes known before them: slippage, and the wait until a fill.</p>
</section>
</div>

<section>
<h2>Profit and loss by instrument</h2>
<table>
<tr><th>Instrument</th><th>Quantity held</th><th>Market value</th><th>Realised</th><th>Unrealised</th><th>Together</th></tr>
{% for row in instruments %}
{% set together = row.realized + row.unrealized %}
<tr><td>{{ row.id }}</td><td>{{ "{:,.10g}".format(row.quantity) }}</td><td>{{ row.value | money }}</td>
<td{% if row.realized < 0 %} class="loss"{% endif %}>{{ row.realized | money }}</td>
<td{% if row.unrealized < 0 %} class="loss"{% endif %}>{{ row.unrealized | money }}</td>
<td{% if together < 0 %} class="loss"{% endif %}>{{ together | money }}</td></tr>
{% endfor %}
<tr class="sum"><td>All, before commissions</td><td></td><td>{{ instruments | sum("value") | money }}</td>
<td>{{ instruments | sum("realized") | money }}</td><td>{{ instruments | sum("unrealized") | money }}</td>
<td>{{ (instruments | sum("realized") + instruments | sum("unrealized")) | money }}</td></tr>
</table>
<p>Less commissions of {{ result.performance.commission | money }}, this is what equity gained.</p>
</section>

<div class="pair">
<section>
<h2>What was not traded, and why</h2>
<table>
{% if not_traded %}<tr><th>Instrument</th><th class="words">Reason</th><th>Days</th></tr>
{% endif %}
{% for instrument, reason, days in not_traded %}
<tr><td>{{ instrument }}</td><td class="words">{{ reason }}</td><td>{{ "{:,}".format(days) }}</td></tr>
{% else %}
<tr><td class="none">Nothing: every target was known, priced and within the limits.</td></tr>
{% endfor %}
</table>
</section>
<section>
<h2>Settings</h2>
<table>
{% for name, value in settings %}
<tr><td>{{ name }}</td><td class="words">{{ value }}</td></tr>
{% endfor %}
</table>
</section>
</div>

<footer>Returns compound daily over 252 days a year; the Sharpe ratio is against a rate of zero. Everything here comes from
what execbridge recorded: {{ "%.1f" | format(result.simulating_s) }} s simulated, {{ "%.1f" | format(result.elapsed_s) }} s
until all of it was committed.</footer>
</main>
</body>
</html>
"""
