; Ends a sidecar that still runs, with its children, before its files are replaced.
!macro customInit
  nsExec::Exec 'taskkill /IM sidespool.exe /T /F'
!macroend
