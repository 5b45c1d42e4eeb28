raise SystemExit('nobody installs it')
