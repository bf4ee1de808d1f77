"""What the pictures became: facts and gates, temperatures, findings, calibration.json."""
