def people_held_up_by(thing, thing_id):
    return 0
