# httpd: a web server for the files of a disk, with the status shell on the console.
CMDLINE := log=info net=dhcp root=vda -- -p 80 /
LINK := ferrule_shell ferrule_virtiofs ferrule_9p ferrule_balloon_info
