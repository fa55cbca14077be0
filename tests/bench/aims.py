"""A figure beside what is aimed at; run.py shows all of them in one table at the end."""
import os

KEPT = 'ZCTRACE_BENCH_AIMS'  # names the file of that table


def tell(what, figure, aim, unit='', at_least=False):
    met = figure >= aim if at_least else figure <= aim
    bound = '>=' if at_least else '<='
    line = (f'{what:46} {figure:9.5g} {unit:12} aim {bound} {aim:<6g} {"ok" if met else "MISSED"}')
    print(line, flush=True)
    if KEPT in os.environ:
        with open(os.environ[KEPT], 'a', encoding='utf-8') as f:
            f.write(line + '\n')


def parts(*steps):
    """Takes one step, (function, arguments...), after the other, also if one fails. Returns
    whether one has."""
    failed = 0
    for function, *args in steps:
        try:
            function(*args)
        except (Exception, SystemExit) as e:  # whatever it is, the next one is to be measured
            failed = 1
            print(f'FAILED: {function.__name__}: {type(e).__name__}: {e}', flush=True)
    return failed
