#!/usr/bin/env python3
"""Conversations under loss, of a fixed seed: no span is false without a doubt said. See run.py."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ZCTRACE = os.environ.get('ZCTRACE', os.path.join(HERE, '..', '..', 'zctrace'))
sys.exit(subprocess.run([sys.executable, os.path.join(HERE, 'run.py'), '--tap', '--seed', '4',
                         '--show', '3',
                         '--conversations', '12000', ZCTRACE], check=False).returncode)
