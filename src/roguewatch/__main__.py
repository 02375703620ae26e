from roguewatch.cli import main

main()
