#!/usr/bin/env python3
"""The second generator, of a fixed seed: no span is false without a doubt. See second/run.py."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ZCTRACE = os.environ.get('ZCTRACE', os.path.join(HERE, '..', '..', 'zctrace'))
sys.exit(subprocess.run([sys.executable, os.path.join(HERE, 'second', 'run.py'), '--tap',
                         '--seed', '5', '--show', '3',
                         '--conversations', '5500', ZCTRACE], check=False).returncode)
