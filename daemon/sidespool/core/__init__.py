"""Every decision Sidespool takes, as pure code: time, dice and bytes come in, decisions go out."""
